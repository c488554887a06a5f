"""What every node of the network does, as far as deploying programs depends on it."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from tests.conformity.steps import code_of, outcome, store
from tests.local.node.support import Account, Client, forget_message, program_message, store_message


def program(account: Account, code: str, payment: str | None = "credit", /, **content: Any) -> dict[str, Any]:
    """Make a program that runs in no runtime: any stored file will do for the node."""
    runtime = {"ref": code, "use_latest": True, "comment": ""}
    return program_message(account, code, payment, **{"runtime": runtime, **content})


def test_it_tells_its_limits(client: Client) -> None:
    answer = client.http.get("/api/v0/storage/limits.json")
    if answer.status_code in (400, 404):
        pytest.skip(f"a release before 0.10.3 tells no limits: HTTP {answer.status_code} {answer.text[:60]}")
    limits = answer.raise_for_status().json()
    assert limits["storage"]["max_file_size"] >= limits["storage"]["max_unauthenticated_upload_file_size"] > 0
    assert limits["ipfs"]["max_upload_file_size"] > 0


def test_it_says_what_it_does_not_know(client: Client) -> None:
    unknown = secrets.token_hex(32)
    for path in (f"messages/{unknown}", f"messages/{unknown}/status", f"storage/raw/{unknown}"):
        assert client.http.get(f"/api/v0/{path}").status_code == 404
    assert client.http.get("/api/v0/messages/nothex/status").status_code == 400
    assert client.http.get(f"/api/v0/aggregates/{unknown}.json").status_code == 404


def test_a_file_goes_up_and_comes_back(client: Client, rich: Account) -> None:
    data = secrets.token_bytes(100_000)
    item_hash = store(client, rich, data, tags=["conformity"])
    shown = client.message(item_hash)
    assert shown["status"] == "processed"
    assert shown["message"]["content"]["payment"]["type"] == "credit"
    by_ref = client.get(f"/api/v0/storage/by-ref/{item_hash}")
    assert (by_ref["size"], by_ref["owner"]) == (len(data), rich.address)
    assert client.http.get(by_ref["download_url"]).content == data
    head = client.http.head(by_ref["download_url"])
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(data)))


def test_a_known_message_is_harmless(client: Client, rich: Account) -> None:
    data = secrets.token_bytes(32)
    message = store_message(rich, data)
    assert outcome(client, client.upload(data, message), message)["status"] == "processed"
    again = client.post(message, sync=False)
    assert (again.status_code, again.json()["message_status"]) == (202, "pending")
    assert client.status(message["item_hash"]) == "processed"


def test_uploads_are_checked_before_they_are_kept(client: Client, rich: Account, poor: Account) -> None:
    data = secrets.token_bytes(32)
    assert client.upload(data + b"x", store_message(rich, data)).status_code == 422
    forged = {**store_message(rich, data), "signature": store_message(rich, b"other")["signature"]}
    assert client.upload(data, forged).status_code == 403
    assert client.upload(data, store_message(poor, data)).status_code == 402
    assert client.http.get(f"/api/v0/messages/{forged['item_hash']}").status_code == 404


def test_a_program_is_found_by_owner_and_tag(client: Client, rich: Account, code: str) -> None:
    tag = secrets.token_hex(8)
    message = program(rich, code, metadata={"name": "it", "tags": [tag], "digest": "d"})
    assert code_of(client, message) is None
    query = {"msgTypes": "PROGRAM", "owners": rich.address, "tags": tag, "msgStatuses": "processed", "sortOrder": "-1"}
    found = client.get("/api/v0/messages.json", **query)["messages"]
    assert [entry["item_hash"] for entry in found] == [message["item_hash"]]
    assert found[0]["content"]["metadata"]["digest"] == "d"
    assert client.get("/api/v0/messages.json", **{**query, "tags": f"{tag},other"})["pagination_total"] == 1


@pytest.mark.parametrize("payment", ["hold", "superfluid", None])
def test_persistent_programs_must_be_paid_by_credit(
    client: Client, rich: Account, code: str, payment: str | None
) -> None:
    message = program(rich, code, payment, on={"http": True, "persistent": True})
    assert code_of(client, message) == 202


def test_means_are_checked(client: Client, poor: Account, code: str) -> None:
    assert code_of(client, program(poor, code)) == 6
    assert code_of(client, program(poor, code, "hold")) == 5


def test_malformed_programs_leave_no_trace(client: Client, rich: Account, code: str) -> None:
    for change in (
        {"resources": None},
        {"metadata": {"nested": {"no": 1}}},
        {"unknown": 1},
        {"code": {"encoding": "tar", "entrypoint": "m:a", "ref": code}},
    ):
        message = program(rich, code, **change)
        assert client.post(message).status_code == 422
        assert client.http.get(f"/api/v0/messages/{message['item_hash']}/status").status_code == 404


def test_amends_move_a_volume_and_forgetting_one_moves_it_back(client: Client, rich: Account) -> None:
    original = store(client, rich, b"v1" + secrets.token_bytes(8))
    files = [client.get(f"/api/v0/storage/by-ref/{original}")["file_hash"]]
    amend = store(client, rich, b"v2" + secrets.token_bytes(8), ref=original)
    files.append(client.get(f"/api/v0/storage/by-ref/{original}")["file_hash"])
    assert files[0] != files[1]
    message = store_message(rich, b"v3", ref=amend)
    assert outcome(client, client.upload(b"v3", message), message)["error_code"] == 201
    assert code_of(client, forget_message(rich, amend)) is None
    assert client.get(f"/api/v0/storage/by-ref/{original}")["file_hash"] == files[0]


def test_only_the_owner_amends_and_forgets(client: Client, rich: Account, code: str) -> None:
    stranger = Account(secrets.token_hex(16))
    client.http.post("/faucet", json={"address": stranger.address, "credits": 10**9})
    message = store_message(stranger, b"x", ref=code)
    answer = client.upload(b"x", message)
    if answer.status_code == 402:
        pytest.skip("no faucet for a second account")
    assert outcome(client, answer, message)["error_code"] == 2
    assert code_of(client, forget_message(stranger, code)) == 2


def test_a_store_in_use_is_not_forgotten(client: Client, rich: Account) -> None:
    code = store(client, rich, secrets.token_bytes(16))
    message = program(rich, code)
    assert code_of(client, message) is None
    assert code_of(client, forget_message(rich, code)) == 503
    assert code_of(client, forget_message(rich, message["item_hash"])) is None
    assert client.message(message["item_hash"])["forgotten_by"]
    assert code_of(client, forget_message(rich, code)) is None


def test_a_program_waits_for_its_volume(client: Client, rich: Account) -> None:
    data = secrets.token_bytes(16)
    code = store_message(rich, data)
    message = program(rich, code["item_hash"])
    assert client.post(message, sync=False).status_code == 202
    waiting = client.wait(message["item_hash"], "pending", seconds=60)
    assert waiting["messages"][0]["item_hash"] == message["item_hash"]
    assert client.upload(data, code).status_code in (200, 202)
    assert client.wait(message["item_hash"], "processed", seconds=60)


def test_a_replacement_needs_permission_of_the_original(client: Client, rich: Account, code: str) -> None:
    fixed = program(rich, code, metadata={"name": secrets.token_hex(4)})
    assert code_of(client, fixed) is None
    assert code_of(client, program(rich, code, replaces=fixed["item_hash"])) == 302


def test_prices_follow_estimates(client: Client, rich: Account, code: str) -> None:
    message = program(rich, code, metadata={"name": secrets.token_hex(4)})
    estimate = client.http.post("/api/v0/price/estimate", json={"message": message}).json()
    assert estimate["payment_type"] == "credit"
    assert code_of(client, message) is None
    assert client.get(f"/api/v0/price/{message['item_hash']}")["cost"] == estimate["cost"]
    sized = json.loads(message["item_content"])
    sized["code"]["estimated_size_mib"] = 5000
    larger = client.http.post(
        "/api/v0/price/estimate", json={"message": {**message, **rich.sign("PROGRAM", sized)}}
    ).json()
    assert float(larger["cost"]) > float(estimate["cost"])


def test_aggregates_are_merged(client: Client, rich: Account) -> None:
    key = f"conformity-{secrets.token_hex(4)}"
    for content in ({"a": 1, "b": 1}, {"b": 2, "c": None}):
        assert code_of(client, rich.sign("AGGREGATE", {"key": key, "content": content})) is None
    found = client.get(f"/api/v0/aggregates/{rich.address}.json", keys=key)["data"][key]
    assert found == {"a": 1, "b": 2, "c": None}
