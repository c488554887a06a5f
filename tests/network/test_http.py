"""The one HTTP client: what holds for every connection, and that there is no other."""

from __future__ import annotations

import ast
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hatch_aleph
from hatch_aleph.deploy.health import http_get
from hatch_aleph.errors import UsageError
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.executions import allocation
from hatch_aleph.network.http import Connections, NoAnswerError, Timeouts, proxy_for
from hatch_aleph.programs.runtime_check import http_fetch
from tests.network.scripted import Answer, ScriptedNode, as_json, as_text, unused_url

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(hatch_aleph.__file__).parent
# Who opens connections, and why it is not network/http.py that does.
OWNERS = {
    "network/http.py": "the one client",
    "network/transport.py": "how it speaks HTTP",
    "local/host/host.py": "keeps the session of the websocket",
    "local/host/message_feed.py": "a websocket, which httpx does not speak; all else is asked of the client",
    "local/host/guest_api_server.py": "passes the reads of a VM on to the node, as hosts do",
    "local/host/aleph_host_inside/executable_interface.py": "plays the guest's init, which talks to its child",
    "guest/proxy.py": "runs in the guest, where there is only the standard library",
}


def test_nothing_else_opens_connections() -> None:
    found = set()
    for file in PACKAGE.rglob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        imported = {
            name
            for node in ast.walk(tree)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        types_only = _imported_for_types(tree)
        opens = (imported - types_only) & {"httpx", "urllib.request", "http.client", "requests", "urllib3"}
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "ClientSession"]
        if opens or any(_is_called(tree, call) for call in calls):
            found.add(file.relative_to(PACKAGE).as_posix())
    assert found <= set(OWNERS), f"these open connections past network/http.py: {sorted(found - set(OWNERS))}"


def _imported_for_types(tree: ast.Module) -> set[str]:
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {
        alias.name for block in blocks for node in block.body if isinstance(node, ast.Import) for alias in node.names
    }


def _is_called(tree: ast.Module, attribute: ast.Attribute) -> bool:
    return any(isinstance(node, ast.Call) and node.func is attribute for node in ast.walk(tree))


@pytest.fixture
def behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    dead = unused_url()
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, dead)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("behind_a_proxy")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "base32.localhost"])
def test_this_machine_is_never_behind_the_proxy(node: ScriptedNode, host: str) -> None:
    if host == "base32.localhost" and sys.platform != "linux":
        pytest.skip("names below localhost are not resolved here")
    url = node.url.replace("127.0.0.1", host)
    node.on("GET", "/", as_text("hello"))
    node.on("POST", "/faucet", as_json({"balance": 1, "credit_balance": 2}))
    try:
        assert http_get(f"{url}/", timeout=5).status == 200  # health
    except OSError as error:
        if "Name or service" in str(error) or "resolution" in str(error):
            pytest.skip("names below localhost are not resolved here")
        raise
    assert http_fetch(f"{url}/", timeout=5) == (200, b"hello")  # runtime-checker
    with NodeClient([url]) as client:
        assert client.faucet("0x1", credit=1, tokens=0)["credit_balance"] == 2
    node.on("GET", "/api/v0/allocation/x", as_json({"node": {"url": "http://crn"}}))
    assert allocation("x", scheduler=url).host == "http://crn"
    assert proxy_for(f"{url}/api/ws0/messages".replace("http", "ws")) is None


@pytest.mark.usefixtures("behind_a_proxy")
def test_others_are(node: ScriptedNode) -> None:
    assert proxy_for("wss://api2.aleph.im/api/ws0/messages") == os.environ["HTTPS_PROXY"]
    with pytest.raises(NoAnswerError, match="cannot be reached"):
        Connections().send("GET", "http://api2.aleph.im/")


def test_a_redirect_is_an_answer(node: ScriptedNode) -> None:
    node.on("GET", "/", Answer(302, b"", {"Location": "http://elsewhere.invalid/"}))
    reply = Connections().send("GET", node.url + "/")
    assert (reply.status, reply.redirect) == (302, "http://elsewhere.invalid/")
    assert http_get(node.url, timeout=5).status == 302


def test_an_answer_is_cut_at_its_limit(node: ScriptedNode) -> None:
    node.on("GET", "/", as_text("x" * 5000))
    assert len(Connections().send("GET", node.url + "/", limit=1000, cut=True).body) == 1000
    with pytest.raises(NoAnswerError, match="answers with more than") as caught:
        Connections().send("GET", node.url + "/", limit=1000)
    assert caught.value.final


class _Drip(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gone = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        try:
            while not self.gone.wait(0.01):
                self.wfile.write(b"x")
        except OSError:
            pass

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def dripping() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Drip)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    _Drip.gone.clear()
    yield f"http://127.0.0.1:{server.server_port}/"
    _Drip.gone.set()
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_an_answer_that_trickles_is_given_up(dripping: str) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 10
        return now[0]

    with pytest.raises(NoAnswerError, match="less than 1024 bytes a second"):
        Connections(monotonic=clock).send("GET", dripping)


def test_the_whole_of_a_large_file_has_no_time_out() -> None:
    assert Timeouts(read=7)._asdict() == {"connect": 10, "read": 7, "write": 60}


def test_an_address_without_a_scheme_is_a_node(node: ScriptedNode) -> None:
    assert NodeClient(["api2.aleph.im"]).nodes == ("https://api2.aleph.im",)
    with pytest.raises(UsageError, match="no address of a node"):
        NodeClient(["ftp://x"])


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/\x1b[2J", "http://xn--\u00fc.example", "http://a\u2028b.example"])
def test_what_can_be_no_address_is_refused_before_it_is_asked(url: str) -> None:
    with pytest.raises(UsageError, match="no address of a node"):
        NodeClient([url])


@pytest.mark.parametrize(
    ("name", "value"),
    [("HTTP_PROXY", "banana://u:secret@x"), ("ALL_PROXY", "socks9://x"), ("SSL_CERT_FILE", "/nowhere/secret.pem")],
)
def test_an_environment_that_allows_no_client_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as caught:
        Connections().send("GET", "http://node.test")
    assert name in str(caught.value)
    assert "secret" not in str(caught.value)
