"""The way of a deployment through the node: upload, program, look-up, forget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from aiohttp import web

from hatch_aleph.errors import NetworkError
from hatch_aleph.local.node import Node, application_of
from tests.local.node.support import (
    DEBIAN_12,
    Account,
    Client,
    RunningNode,
    Served,
    forget_message,
    payment_of,
    program_message,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_program_is_stored_found_and_forgotten(client: Client, rich: Account) -> None:
    code = client.store(rich, b"the code", tags=["mine"])
    program = program_message(rich, code, metadata={"name": "it", "tags": ["project-a"]})
    answer = client.post(program)
    assert answer.status_code == 200
    assert answer.json() == {
        "publication_status": {"status": "success", "failed": []},
        "message_status": "processed",
    }
    query = {"msgTypes": "PROGRAM", "owners": rich.address, "tags": "project-a", "msgStatuses": "processed"}
    found = client.get("/api/v0/messages.json", **query)
    assert [message["item_hash"] for message in found["messages"]] == [program["item_hash"]]
    assert client.get("/api/v0/messages.json", **{**query, "tags": "project-b"})["messages"] == []
    assert client.post(forget_message(rich, program["item_hash"])).status_code == 200
    assert client.status(program["item_hash"]) == "forgotten"
    assert client.get("/api/v0/messages.json", **query)["messages"] == []


def test_the_default_runtime_is_known_but_its_bytes_are_not_here(client: Client) -> None:
    described = client.get(f"/api/v0/storage/by-ref/{DEBIAN_12}")
    assert client.status(DEBIAN_12) == "processed"
    assert client.http.get(described["download_url"]).status_code == 404


def test_foreign_hosts_and_origins_are_refused(client: Client) -> None:
    url = client.http.base_url
    assert httpx.get(f"{url}/version", headers={"Host": "evil.example:80"}).status_code == 403
    assert httpx.get(f"{url}/version", headers={"Host": "abc.localhost:80"}).status_code == 200
    body = {"address": f"0x{1:040}", "credits": 1}
    for origin, status in (("http://evil.example", 403), ("null", 403), ("http://localhost:4021", 200)):
        assert httpx.post(f"{url}/faucet", json=body, headers={"Origin": origin}).status_code == status

    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x"}
    answer = httpx.get(f"{url}/api/ws0/messages", headers={**upgrade, "Origin": "http://evil.example"})
    assert answer.status_code == 403


def test_programs_beside_the_node_decide_by_themselves_whom_they_answer(tmp_path: Path) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(text=request.path)

    application = application_of(Node(tmp_path / "node"))
    application.router.add_route("*", "/vm/{rest:.*}", echo)
    running = Served(application)
    answer = httpx.post(f"{running.url}/vm/x/..%2f..", headers={"Origin": "https://front.example"})
    running.stop()
    assert (answer.status_code, answer.text) == (200, "/vm/x/../..")


def test_paths_that_climb_are_refused(client: Client) -> None:
    for path in ("..%2f..%2fetc%2fpasswd", "..%5c..%5cx", "%2e%2e%2f%2e%2e%2fnode.sqlite", "x%00y"):
        assert client.http.get(f"/api/v0/storage/raw/{path}").status_code == 400


def test_a_folder_belongs_to_one_node(make_node: Callable[..., RunningNode], tmp_path: Path) -> None:
    running = make_node("mine")
    with pytest.raises(NetworkError, match="Another node uses this folder"):
        Node(running.folder).open()
    assert httpx.get(f"{running.url}/version").status_code == 200
    running.stop()
    running.start()


def test_a_file_of_ipfs_can_come_before_its_message(client: Client, rich: Account) -> None:
    # As the official command line sends what is larger than 4 MiB.
    cid = client.upload(b"y" * 300_000, engine="ipfs").json()["hash"]
    message = rich.sign("STORE", {"item_type": "ipfs", "item_hash": cid, **payment_of("credit")})
    assert client.post(message).status_code == 200
    assert client.get(f"/api/v0/storage/by-ref/{message['item_hash']}")["size"] == 300_000
