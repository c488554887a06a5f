"""Pages of programs are strangers to the node; servers of this machine answer to its own names only."""

from __future__ import annotations

import httpx
import pytest

from hatch_aleph.local.origins import is_local, is_own, is_own_origin
from tests.local.host.test_following import saying
from tests.local.node.support import RunningNode


@pytest.mark.parametrize(
    ("host", "local", "own"),
    [
        ("127.0.0.1:4021", True, True),
        ("localhost", True, True),
        ("[::1]:1", True, True),
        ("abc.localhost:4021", True, False),
        ("localhost.evil.example", False, False),
        ("evil.example", False, False),
        ("127.0.0.1.evil.example:80", False, False),
    ],
)
def test_names(host, local, own):
    assert (is_local(host), is_own(host), is_own_origin(f"http://{host}")) == (local, own, own)


def test_a_programs_page_changes_nothing_at_the_node(tmp_path):
    node = RunningNode(tmp_path / "node")
    try:
        for origin, status in (("http://abc.localhost:4021", 403), ("http://127.0.0.1:5173", 200)):
            body = {"address": f"0x{1:040}", "credits": 5}
            answer = httpx.post(f"{node.url}/faucet", json=body, headers={"Origin": origin}, trust_env=False)
            assert answer.status_code == status, origin
    finally:
        node.stop()


def test_a_browser_is_sent_to_the_programs_own_origin(with_host, image):
    async def use(node, host, client):
        item_hash = node.program(node.store(image({"main.py": saying("one")}).read_bytes()))
        url = f"{node.url}/vm/{item_hash}/page?x=1"
        shown = {"Sec-Fetch-Dest": "document"}
        async with client.get(url, headers=shown, allow_redirects=False) as answer:
            sent = answer.status, answer.headers["Location"]
        async with client.get(url) as answer:
            return sent, await answer.read(), node.url

    (status, location), body, url = with_host(use)
    assert status == 307
    assert location.endswith(".localhost:" + url.rpartition(":")[2] + "/page?x=1")
    assert body == b"one"
