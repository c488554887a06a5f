"""Bad input of every kind is refused in words: never an error of the server, never a traceback."""

from __future__ import annotations

import json
import random
import socket
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest

from hatch_aleph.local.node.api.routes import ROUTES
from tests.local.node.support import Account, Client, forget_message, program_message, store_message

if TYPE_CHECKING:
    from tests.local.node.support import RunningNode

HOSTILE: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    1e308,
    "",
    " ",
    "\u0000",
    "\ud800",
    "x" * 5000,
    "0x" + "f" * 130,
    "' OR 1=1 --",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    [],
    [[[]]],
    {},
    {"$gt": ""},
    [None],
    {"a": {"b": {"c": []}}},
]
TEXTS = [str(value) for value in HOSTILE if isinstance(value, str | int | float)]


class Attacker:
    """Sends what no client would, and keeps the answers that no server should give."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.bad: list[str] = []
        self.statuses: Counter[int] = Counter()

    def send(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        try:
            answer = self.client.http.request(method, path, **options)
        except httpx.InvalidURL:  # the client itself will not send it
            return None
        self.statuses[answer.status_code] += 1
        if answer.status_code >= 500 or "Traceback" in answer.text or 'File "' in answer.text:
            self.bad.append(f"{method} {path[:80]}: {answer.status_code} {answer.text[:200]}")
        return answer

    def post_json(self, path: str, value: Any) -> None:
        body = json.dumps(value)  # lone surrogates travel as escapes
        self.send("POST", path, content=body, headers={"Content-Type": "application/json"})


@pytest.fixture
def attacker(client: Client) -> Attacker:
    return Attacker(client)


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


def paths(value: Any, base: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [base] if base else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += paths(inner, (*base, key))
    return found


def samples(account: Account, code: str) -> list[dict[str, Any]]:
    volume = {"mount": "/data", "persistence": "host", "name": "d", "size_mib": 10}
    return [
        store_message(account, b"x", tags=["a"]),
        program_message(account, code, volumes=[volume, {"mount": "/p", "ref": code, "use_latest": True}]),
        forget_message(account, "00" * 32),
        account.sign("AGGREGATE", {"key": "k", "content": {"tags": ["t"]}}),
        account.sign("POST", {"type": "amend", "ref": "00" * 32, "content": {"x": 1}}),
    ]


def test_five_hundred_broken_messages(attacker: Attacker, client: Client, rich: Account) -> None:
    random_ = random.Random(7)  # noqa: S311 - a repeatable attack
    code = client.store(rich, b"code")
    sent = 0
    for message in samples(rich, code):
        content = json.loads(message["item_content"])
        for path in paths(content):
            for value in random_.sample(HOSTILE, 5):
                broken = replaced(content, path, value)
                # Signed by its sender, so that it reaches the rules.
                attacker.post_json("/api/v0/messages", {"message": rich.sign(message["type"], broken), "sync": True})
                sent += 1
        for key in message:
            for value in random_.sample(HOSTILE, 5):
                attacker.post_json("/api/v0/messages", {"message": {**message, key: value}, "sync": False})
                sent += 1
    assert attacker.bad == []
    assert sent >= 500
    assert attacker.statuses[422] > 300


def test_broken_bodies_and_estimates(attacker: Attacker, client: Client, rich: Account) -> None:
    code = client.store(rich, b"code")
    program = program_message(rich, code)
    for route in ROUTES:
        if route.method == "POST":
            for body in (b"", b"{", b"[]", b"null", b"\xff\xfe", b"NaN", b'{"message": NaN}', b"[" * 100_000):
                attacker.send("POST", route.path, content=body, headers={"Content-Type": "application/json"})
            for value in HOSTILE:
                attacker.post_json(route.path, {"message": value, "address": value, "topic": value, "data": value})
    for path in paths(json.loads(program["item_content"])):
        for value in (None, -1, 1e300, "x", [], {}):
            content = replaced(json.loads(program["item_content"]), path, value)
            message = {**program, "item_content": json.dumps(content)}
            attacker.post_json("/api/v0/price/estimate", {"message": message})
    for size in HOSTILE:
        content = {**json.loads(store_message(rich, b"x")["item_content"]), "estimated_size_mib": size}
        message = {**store_message(rich, b"x"), "item_content": json.dumps(content)}
        attacker.post_json("/api/v0/price/estimate", {"message": message})
    assert attacker.bad == []


def test_broken_paths_and_queries(attacker: Attacker) -> None:
    for route in ROUTES:
        if route.method != "GET" or "ws0" in route.path:
            continue
        for text in TEXTS:
            text = text.encode("utf-8", "surrogatepass")  # noqa: PLW2901 - as bytes from here on
            path = route.path
            while "{" in path:
                path = path[: path.index("{")] + quote(text[:200], safe="") + path[path.index("}") + 1 :]
            attacker.send("GET", path)
            if route.query is not None:
                for name in route.query.model_json_schema()["properties"]:
                    attacker.send("GET", f"{path}?{name}={quote(text[:200], safe='')}")
    assert attacker.bad == []
    assert sum(attacker.statuses.values()) > 500


def test_broken_uploads(attacker: Attacker, node: RunningNode, rich: Account) -> None:
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    message = store_message(rich, b"data")
    metadata = json.dumps({"message": message, "sync": True})

    def part(name: str, value: str, headers: str = "") -> str:
        return f'--x\r\nContent-Disposition: form-data; name="{name}"{headers}\r\n\r\n{value}\r\n'

    bodies = [
        "",
        "--x",
        "--x\r\n",
        "garbage",
        "--x--\r\n",
        part("file", "data"),  # cut off before the end
        part("file", "data") + "--x--\r\n",
        part("metadata", metadata) + "--x--\r\n",
        part("metadata", "{") + part("file", "data") + "--x--\r\n",
        part("metadata", "[]") + part("file", "data") + "--x--\r\n",
        part("metadata", json.dumps({"message": message})) + part("file", "data") + "--x--\r\n",
        part("metadata", json.dumps({"message": {**message, "type": "POST"}, "sync": True})) + part("file", "data"),
        part("metadata", metadata) + part("file", "other bytes") + "--x--\r\n",
        part("metadata", metadata) + part("file", "data") + part("file", "twice") + "--x--\r\n",
        part("metadata", "x" * 2_000_000) + part("file", "data") + "--x--\r\n",
        part("file", "data", "\r\nContent-Transfer-Encoding: bogus") + "--x--\r\n",
        part("file", "data", "\r\nContent-Type: multipart/mixed; boundary=y") + "--x--\r\n",
        part("other", "x" * 1000) + "--x--\r\n",
        part("file", "data", '; filename="\x00"') + "--x--\r\n",
        part("a\r\n b", "data") + "--x--\r\n",
        part("", "data", "\r\nX: \x01") + "--x--\r\n",
        part("file", "data", "\r\nContent-Length: -1") + "--x--\r\n",
        part("file", "data", "\r\nContent-Encoding: gzip") + "--x--\r\n",
    ]
    for engine in ("storage", "ipfs"):
        for body in bodies:
            attacker.send("POST", f"/api/v0/{engine}/add_file", content=body.encode(), headers=form)
        for kind in ("multipart/form-data", "multipart/form-data; boundary=", "text/plain", "application/json"):
            attacker.send("POST", f"/api/v0/{engine}/add_file", content=b"--x", headers={"Content-Type": kind})
        for value in HOSTILE:
            wrong = json.dumps({"message": {**message, "signature": value}, "sync": value})
            files = {"metadata": (None, wrong), "file": ("f", b"data")}
            attacker.send("POST", f"/api/v0/{engine}/add_file", files=files)
    assert attacker.bad == []
    assert list((node.folder / "incoming").iterdir()) == []


def test_replayed_and_forged_messages(attacker: Attacker, client: Client, rich: Account, poor: Account) -> None:
    message = store_message(rich, b"once")
    assert client.upload(b"once", message).status_code == 200
    for _ in range(20):
        attacker.send("POST", "/api/v0/messages", json={"message": message, "sync": True})
    stolen = {**message, "sender": poor.address}
    resigned = {**store_message(poor, b"once"), "signature": message["signature"]}
    for forged in (stolen, resigned, {**message, "signature": "0x" + "00" * 65}):
        attacker.send("POST", "/api/v0/messages", json={"message": forged, "sync": True})
        assert client.upload(b"once", forged).status_code == 403
    assert client.status(message["item_hash"]) == "processed"
    assert client.status(resigned["item_hash"]) == "rejected"
    assert attacker.bad == []


def test_what_is_no_http_at_all(node: RunningNode) -> None:
    host, port = node.url.removeprefix("http://").split(":")
    for junk in (
        b"\x16\x03\x01\x02\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"A" * 100_000,
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(junk)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        assert b"Traceback" not in answer
        assert not answer.startswith((b"HTTP/1.1 5", b"HTTP/1.0 5"))
    assert httpx.get(f"{node.url}/version").status_code == 200


def test_a_body_larger_than_any_message_is_refused(attacker: Attacker) -> None:
    for path in ("/api/v0/messages", "/api/v0/price/estimate", "/faucet"):
        answer = attacker.send("POST", path, content=b"x" * 2_000_000)
        assert answer.status_code == 413
    assert attacker.bad == []
