"""The node plays the last release: what came later is refused or left out as that release does."""

from __future__ import annotations

import pytest

from hatch_aleph.local.node import RELEASES
from tests.local.node.support import Account, Client, forget_message
from tests.local.node.test_verifiable import verifiable


@pytest.fixture(params=["0.10.2", "0.10.3"])
def node(request, make_node):
    client = Client(make_node(release=RELEASES[request.param]).url)
    client.faucet(Account("releases"))
    yield request.param == "0.10.2", client
    client.http.close()


def test_limits_are_a_malformed_hash_to_the_last_release(node):
    is_old, client = node
    limits = client.http.get("/api/v0/storage/limits.json")
    assert limits.status_code == (400 if is_old else 200)
    assert limits.text == "Invalid hash provided" if is_old else limits.json()["storage"]
    assert client.get("/api/v0/version")["version"] == ("0.10.2" if is_old else client.get("/version")["version"])


def test_verifiable_programs_are_no_messages_to_the_last_release(node):
    is_old, client = node
    account = Account("releases")
    refs = [client.store(account, f"part {number}".encode()) for number in range(5)]
    answer = client.post(verifiable(account, refs))
    assert (answer.status_code, answer.text == "InvalidMessageFormat") == ((422, True) if is_old else (200, False))
    listed = client.http.get("/api/v0/messages.json", params={"msgTypes": "PROGRAM,V-PROGRAM"})
    assert listed.status_code == (422 if is_old else 200)


def test_what_is_left_of_forgotten_messages(node):
    is_old, client = node
    account = Account("releases")
    item_hash = client.store(account, b"gone")
    client.post(forget_message(account, item_hash))
    message = client.message(item_hash)["message"]
    assert isinstance(message["time"], str if is_old else float)
    assert ("forgotten_at" in message, "owner" in message) == (not is_old, not is_old)
    listed = client.get("/api/v0/messages.json", msgStatuses="forgotten")["messages"]
    assert len(listed) == (0 if is_old else 1)
    assert client.http.get(f"/api/v0/price/{item_hash}").status_code == (410 if is_old else 200)
