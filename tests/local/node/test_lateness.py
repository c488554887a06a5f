"""A node as late as a real one: unknown for a moment, pending for another, and what the broker loses is lost."""

from __future__ import annotations

import time

import pytest

from hatch_aleph.local.node import Lateness
from tests.local.node.support import Account, Client, program_message, store_message


@pytest.fixture
def late(make_node):
    node = make_node(lateness=Lateness(unseen=0.5, pending=0.5), retry_scale=0.01)
    client = Client(node.url)
    client.faucet(Account("late"))
    yield client
    client.http.close()


def seen(client: Client, item_hash: str, seconds: float = 20) -> list:
    """Poll a message's status; return what it went through."""
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        answer = client.http.get(f"/api/v0/messages/{item_hash}")
        state = answer.json()["status"] if answer.status_code == 200 else answer.status_code
        if not found or found[-1] != state:
            found.append(state)
        if state in ("processed", "rejected"):
            break
        time.sleep(0.02)
    return found


def test_a_message_is_unknown_then_pending_then_processed(late):
    account = Account("late")
    message = store_message(account, b"late")
    answer = late.upload(b"late", message, sync=False)
    assert answer.status_code == 202
    assert seen(late, message["item_hash"]) == [404, "pending", "processed"]
    again = late.post(message, sync=False)
    assert (again.status_code, again.json()["message_status"]) == (202, "pending")


def test_sync_waits_for_the_outcome(late):
    account = Account("late")
    assert late.upload(b"waited", store_message(account, b"waited")).status_code == 200
    refused = program_message(Account("poor and late"), "ab" * 32)
    assert late.post(refused).status_code == 202  # its code is not there: it is tried again


def test_what_a_broker_has_lost_is_taken_when_the_same_bytes_come_again(make_node):
    account, message = Account("lost once"), store_message(Account("lost once"), b"lost once")
    node = make_node(lateness=Lateness(unseen=0.05, pending=0.05, loss=1.0))
    client = Client(node.url)
    client.faucet(account)
    assert client.upload(b"lost once", message, sync=False).status_code == 202
    assert seen(client, message["item_hash"], 0.5) == [404]
    node.node.intake.lateness = Lateness(unseen=0.05, pending=0.05)
    assert client.post(message, sync=False).status_code == 202
    assert seen(client, message["item_hash"])[-1] == "processed"
    client.http.close()


def test_what_a_broker_loses_is_unknown_until_it_is_sent_again_by_a_node_that_started_anew(make_node):
    account, message = Account("lost"), store_message(Account("lost"), b"lost")
    node = make_node(lateness=Lateness(unseen=0.05, pending=0.05, loss=1.0))
    client = Client(node.url)
    client.faucet(account)
    assert client.upload(b"lost", message, sync=False).status_code == 202
    assert seen(client, message["item_hash"], 1.0) == [404]
    client.http.close()
    node.stop()
    node.options = {"lateness": Lateness(unseen=0.05, pending=0.05)}
    node.start()
    client = Client(node.url)
    assert client.post(message, sync=False).status_code == 202
    assert seen(client, message["item_hash"])[-1] == "processed"
    client.http.close()
