"""Parts of the API that a deployment seldom meets."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from hatch_aleph.local.node.rules import Rules
from hatch_aleph.local.node.times import from_iso, to_iso, to_micros
from tests.local.node.support import Account, Client, forget_message, program_message, store_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.node.support import RunningNode


def test_a_file_in_base64(client: Client, rich: Account) -> None:
    client.store(rich, b"in base64")
    file_hash = hashlib.sha256(b"in base64").hexdigest()
    shown = client.get(f"/api/v0/storage/{file_hash}")
    assert (shown["engine"], base64.b64decode(shown["content"])) == ("storage", b"in base64")
    assert client.http.get(f"/api/v0/storage/{'0' * 64}").status_code == 404


def test_json_is_kept_as_a_file(client: Client) -> None:
    for engine in ("storage", "ipfs"):
        file_hash = client.http.post(f"/api/v0/{engine}/add_json", json={"a": [1, 2]}).json()["hash"]
        assert client.http.get(f"/api/v0/storage/raw/{file_hash}").json() == {"a": [1, 2]}


def test_messages_can_come_the_old_way(client: Client, rich: Account) -> None:
    message = rich.sign("POST", {"type": "note", "content": 1})
    body = {"topic": "ALEPH-TEST", "data": json.dumps(message)}
    assert client.http.post("/api/v0/ipfs/pubsub/pub", json=body).json()["status"] == "success"
    assert client.status(message["item_hash"]) == "processed"
    assert client.http.post("/api/v0/p2p/pubsub/pub", json={**body, "topic": "other"}).status_code == 403
    assert client.http.post("/api/v0/p2p/pubsub/pub", json={**body, "data": "{}"}).status_code == 422


def test_a_forgotten_file_is_still_priced(client: Client, rich: Account) -> None:
    item_hash = client.store(rich, b"once")
    before = client.get(f"/api/v0/price/{item_hash}")["cost"]
    client.post(forget_message(rich, item_hash))
    assert client.get(f"/api/v0/price/{item_hash}")["cost"] == before


def test_what_has_no_price(client: Client, rich: Account) -> None:
    post = rich.sign("POST", {"type": "note", "content": 1})
    client.post(post)
    assert client.http.get(f"/api/v0/price/{post['item_hash']}").status_code == 400
    rejected = program_message(rich, client.store(rich, b"c"), "hold", on={"http": True, "persistent": True})
    client.post(rejected)
    assert client.http.get(f"/api/v0/price/{rejected['item_hash']}").status_code == 404
    assert client.http.get(f"/api/v0/price/{'0' * 64}").status_code == 404


def test_an_aggregate_loses_what_a_forgotten_message_gave(client: Client, rich: Account) -> None:
    first = rich.sign("AGGREGATE", {"key": "k", "content": {"a": 1, "b": 1}}, time=1_790_000_000)
    second = rich.sign("AGGREGATE", {"key": "k", "content": {"b": 2}}, time=1_790_000_001)
    client.post(second)
    client.post(first)  # late, and yet older
    path = f"/api/v0/aggregates/{rich.address}.json"
    assert client.get(path, keys="k", value_only=True) == {"a": 1, "b": 2}
    info = client.get(path, keys="k", with_info=True)["info"]["k"]
    assert (info["original_item_hash"], info["last_update_item_hash"]) == (first["item_hash"], second["item_hash"])
    client.post(forget_message(rich, second["item_hash"]))
    assert client.get(path, keys="k", value_only=True) == {"a": 1, "b": 1}


def test_queries_that_make_no_sense(client: Client, rich: Account) -> None:
    path = "/api/v0/messages.json"
    for query, status in (
        ({"msgStatuses": "forgotten,processed"}, 400),
        ({"msgStatuses": "forgotten", "cursor": ""}, 400),
        ({"msgStatuses": "removed", "tags": "a"}, 400),
        ({"cursor": "nonsense"}, 422),
        ({"cursor": "", "pagination": 0}, 422),
        ({"cursor": "eyJoIjoiIn0", "sortBy": "tx-time"}, 422),
        ({"startDate": 2, "endDate": 1}, 422),
        ({"startBlock": 2, "endBlock": 1}, 422),
        ({"msgType": "OTHER"}, 422),
        ({"page": 0}, 422),
    ):
        assert client.http.get(path, params=query).status_code == status, query
    assert client.http.get("/api/v0/messages/page/x.json").status_code == 400
    assert client.http.get("/api/v0/messages/page/0.json").status_code == 422
    assert client.get("/api/v0/messages/page/1.json", addresses=rich.address)["messages"] == []
    assert client.get(path, endBlock=10)["messages"] == []


def test_only_as_much_content_as_asked_for(client: Client, rich: Account) -> None:
    client.store(rich, b"headers")
    full, headers, none = (
        client.get("/api/v0/messages.json", addresses=rich.address, contentFormat=shown)["messages"][0]
        for shown in ("full", "headers", "none")
    )
    assert headers["content"] == {key: full["content"][key] for key in ("address", "item_hash")}
    assert "content" not in none


def test_content_of_what_is_not_processed(client: Client, rich: Account) -> None:
    waiting = program_message(rich, "ab" * 32)
    client.post(waiting)
    assert client.http.get(f"/api/v0/messages/{waiting['item_hash']}/content").status_code == 422


def test_a_message_stored_as_a_file_must_hold_its_content(client: Client, rich: Account) -> None:
    def signed(text: bytes) -> dict[str, Any]:
        file_hash = hashlib.sha256(text).hexdigest()
        message = rich.sign("POST", {"type": "note", "content": 1})
        signature = rich.sign_text(f"ETH\n{rich.address}\nPOST\n{file_hash}")
        message.update(item_type="storage", item_hash=file_hash, signature=signature)
        return {key: value for key, value in message.items() if key != "item_content"}

    for text, code in ((b"[]", 0), (b'{"type": 1}', 0), (b'{"type": "n", "content": "\\u0000"}', 0)):
        client.upload(text)
        assert client.post(signed(text)).status_code == 422
        assert client.message(signed(text)["item_hash"])["error_code"] == code
    never = signed(b'{"type": "n", "content": "never stored"}')
    assert client.post(never).status_code == 202
    assert client.wait(never["item_hash"], "rejected")["error_code"] == 3
    text = b'{"type": "n", "content": "address and time are the envelope\'s"}'
    client.upload(text)
    assert client.post(signed(text)).status_code == 200
    assert client.message(signed(text)["item_hash"])["message"]["content"]["address"] == rich.address


def test_sync_waits_for_a_message_that_waits(make_node: Callable[..., RunningNode]) -> None:
    node = make_node(retry_scale=0.2, sync_seconds=10)
    client, account = Client(node.url), Account("waiter")
    client.faucet(account)
    code = store_message(account, b"late")
    program = program_message(account, code["item_hash"])
    assert client.post(program, sync=False).status_code == 202
    answers: list[int] = []
    second = Client(node.url)
    waiter = threading.Thread(target=lambda: answers.append(second.post(program).status_code))
    waiter.start()
    time.sleep(0.1)
    client.upload(b"late", code)
    waiter.join(20)
    second.http.close()
    assert answers in ([200], [202])  # 202 when an attempt failed between the two requests
    assert client.wait(program["item_hash"], "processed")
    client.http.close()


def test_a_fault_of_ours_is_tried_again_and_told(
    make_node: Callable[..., RunningNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    node = make_node(retry_scale=0.001)
    client, account = Client(node.url), Account("unlucky")
    with monkeypatch.context() as patched:
        patched.setattr(Rules, "prepare", fail)
        message = account.sign("POST", {"type": "note", "content": 1})
        assert client.post(message).status_code == 202
        assert client.wait(message["item_hash"], "rejected")["error_code"] == -1
    other = account.sign("POST", {"type": "note", "content": 2})
    assert client.post(other).status_code == 200
    client.http.close()


def test_times_are_kept_to_the_microsecond() -> None:
    assert to_micros(1795558573.4478722) == 1795558573447872
    assert to_iso(1795558573447872) == "2026-11-24T22:16:13.447872Z"
    assert from_iso("2026-11-24T22:16:13.447872Z") == from_iso("2026-11-24T22:16:13.447872") == 1795558573447872
    for wrong in (1e300, float("nan"), -1e15):
        with pytest.raises(ValueError, match="time out of range"):
            to_micros(wrong)


def test_the_faucet_gives_amounts_alone(client: Client, rich: Account) -> None:
    for wrong in ({"credits": 1.5}, {"credits": True}, {"credits": 10**30}, {"tokens": "1"}, {"tokens": True}):
        assert client.http.post("/faucet", json={"address": rich.address, **wrong}).status_code == 422, wrong


def test_files_that_are_not_here_are_said_to_be_missing(client: Client, node: RunningNode, rich: Account) -> None:
    nowhere = "0" * 64
    for path in (f"storage/by-message-hash/{nowhere}", f"storage/{nowhere}", f"storage/raw/{nowhere}"):
        assert client.http.get(f"/api/v0/{path}").status_code == 404, path
    client.store(rich, b"lost on the disk")
    file_hash = hashlib.sha256(b"lost on the disk").hexdigest()
    node.call(lambda: node.node.state.files.delete(file_hash))
    assert client.http.get(f"/api/v0/storage/{file_hash}").status_code == 404


def test_envelopes_that_contradict_themselves(client: Client, rich: Account) -> None:
    good = rich.sign("POST", {"type": "note", "content": 1})
    without = {key: value for key, value in good.items() if key != "item_content"}
    text = json.dumps({"type": "n", "content": "x" * 200_000})
    for wrong in (
        {**good, "item_type": "storage"},
        {**without, "item_type": "ipfs"},
        {**good, "item_content": "[]", "item_hash": hashlib.sha256(b"[]").hexdigest()},
        {**good, "item_content": text, "item_hash": hashlib.sha256(text.encode()).hexdigest()},
    ):
        assert client.post(wrong).status_code == 422
    assert client.http.get(f"/api/v0/messages/{good['item_hash']}").status_code == 404


def test_cursors_of_other_lists(client: Client, rich: Account) -> None:
    assert client.http.get("/api/v0/messages.json", params={"cursor": "e30"}).status_code == 422  # {}


def test_what_has_ended_is_found_by_when(client: Client, rich: Account) -> None:
    item_hash = client.store(rich, b"soon gone")
    client.post(forget_message(rich, item_hash))

    def found(**dates: float) -> list[str]:
        query = {"msgStatuses": "forgotten", "addresses": rich.address, **dates}
        return [each["item_hash"] for each in client.get("/api/v0/messages.json", **query)["messages"]]

    now = time.time()
    assert found(startDate=now - 60) == found(startDate=now - 60, endDate=now + 60) == [item_hash]
    assert found(startDate=now + 60) == found(endDate=now - 60) == []


def test_an_aggregate_is_forgotten_by_its_key(client: Client, rich: Account) -> None:
    key = "ab" * 32  # the network's model takes no other for one to be forgotten
    parts = [rich.sign("AGGREGATE", {"key": key, "content": {name: 1}}) for name in "ab"]
    for part in parts:
        client.post(part)
    forget = forget_message(rich, parts[0]["item_hash"], aggregates=[key])  # one of them named twice
    assert client.post(forget).status_code == 200
    assert {client.status(part["item_hash"]) for part in parts} == {"forgotten"}
    unknown = forget_message(rich, aggregates=["cd" * 32])
    client.post(unknown)
    assert client.wait(unknown["item_hash"], "rejected")["error_code"] == 501


def test_a_program_s_data_is_a_part_of_it(client: Client, rich: Account) -> None:
    code, data = client.store(rich, b"code of data"), client.store(rich, b"data")
    program = program_message(rich, code, data={"encoding": "zip", "mount": "/data", "ref": data, "use_latest": True})
    assert client.post(program).status_code == 200
    assert client.post(forget_message(rich, data)).status_code == 422
    assert client.status(data) == "processed"  # a machine uses it


def test_new_messages_are_filtered_and_shown_as_asked_for(client: Client, node: RunningNode, rich: Account) -> None:
    async def watch() -> list[dict[str, Any]]:
        url = f"{node.url}/api/ws0/messages"
        async with aiohttp.ClientSession() as session:
            wanted = {"history": "0", "addresses": rich.address, "tags": "yes", "msgType": "POST"}
            async with session.ws_connect(url, params={**wanted, "contentFormat": "none"}) as socket:
                await socket.send_str("clients have nothing to say")
                for type_, tags in (("AGGREGATE", ["yes"]), ("POST", ["no"]), ("POST", ["yes"])):
                    content = {"type": "n", "content": {"tags": tags}}
                    content = {"key": "k", "content": {"tags": tags}} if type_ == "AGGREGATE" else content
                    await asyncio.to_thread(client.post, rich.sign(type_, content))
                return [await socket.receive_json(timeout=20)]

    (shown,) = asyncio.run(watch())
    assert shown["type"] == "POST"
    assert json.loads(shown["item_content"])["content"]["tags"] == ["yes"]
    assert "content" not in shown


def test_an_upload_to_ipfs_is_of_the_file_that_its_message_names(client: Client, rich: Account) -> None:
    other = client.upload(b"another file", engine="ipfs").json()["hash"]
    message = store_message(rich, b"", item_type="ipfs", item_hash=other)
    assert client.upload(b"this file", message, engine="ipfs").status_code == 422
    assert client.http.get(f"/api/v0/messages/{message['item_hash']}").status_code == 404
    assert client.upload(b"another file", message, engine="ipfs").status_code == 200
    wrong = store_message(rich, b"this file", item_type="ipfs")  # its hash is of the other engine
    assert client.post(wrong).status_code == 422
