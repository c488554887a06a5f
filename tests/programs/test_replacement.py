from __future__ import annotations

import pytest

from hatch_aleph.deploy.custom_domains import attach, domains_of, names_of
from hatch_aleph.deploy.session import Session
from hatch_aleph.errors import NetworkError, PlanError, RejectedError
from hatch_aleph.network.messages import sign_message
from hatch_aleph.programs.removal import delete
from hatch_aleph.programs.replacement import set_persistent
from tests.programs.rig import ask
from tests.programs.test_creation import Cut
from tests.programs.test_revision import created, kinds


def test_there_and_back(network, session, account, app):
    made = created(session, app(), updatable=True)
    there = set_persistent(session, made.item_hash, persistent=True)
    content = network.content(there.item_hash)
    assert (content["on"]["persistent"], content["payment"]["type"]) == (True, "credit")
    assert content["code"]["ref"] == made.code
    assert network.status(made.item_hash) == "forgotten"
    assert ask(there.urls[0]) == (200, "hello")
    back = set_persistent(session, there.item_hash, persistent=False)
    assert network.content(back.item_hash)["on"]["persistent"] is False
    assert (network.status(there.item_hash), network.status(made.code)) == ("forgotten", "processed")
    assert kinds(network, account) == ["STORE", "PROGRAM", *["PROGRAM", "FORGET"] * 2]


def test_payment_by_hold_is_not_copied(network, session, account, client, app):
    """The official command copies it: the network refuses that, and the working program is forgotten all the same."""
    made = created(session, app(), updatable=True)
    # While programs on demand could still be paid so; nodes go by the time that was signed.
    november = 1_793_500_000.0
    content = {**network.content(made.item_hash), "payment": {"type": "hold", "chain": "AVAX"}, "time": november}
    network.faucet(account.address, 0, tokens=10**6)
    message = sign_message(account, "PROGRAM", content, channel="TEST", time=november)
    client.publish(message)
    client.wait(message.item_hash)
    there = set_persistent(session, message.item_hash, persistent=True)
    payment = network.content(there.item_hash)["payment"]
    assert (payment["type"], payment["chain"]) == ("credit", "AVAX")
    assert (network.status(message.item_hash), network.status(made.item_hash)) == ("forgotten", "processed")


def test_the_new_program_is_there_before_the_old_one_goes(network, account, session, app, tmp_path):
    made = created(session, app(), updatable=True)
    with Cut([network.url]) as client:
        client.at = ("FORGET",)
        with pytest.raises(NetworkError):
            set_persistent(Session(client, account, tmp_path / "state"), made.item_hash, persistent=True)
    live = [item for kind, item in network.sent(account.address) if kind == "PROGRAM"]
    assert [network.status(item) for item in live] == ["processed", "processed"]
    there = set_persistent(session, made.item_hash, persistent=True)
    assert there.item_hash == live[1]
    assert kinds(network, account) == ["STORE", "PROGRAM", "PROGRAM", "FORGET"]


def test_what_the_network_refuses_leaves_the_old_program(network, session, client, account, app, tmp_path):
    """A persistent program costs more than an account has that can pay one on demand."""
    made_cost = created(session, app(), updatable=True).per_day
    poor = network.new_account(int(made_cost) + 1)
    theirs = Session(client, poor, tmp_path / "poor")
    made = created(theirs, app(), updatable=True)
    with pytest.raises(RejectedError) as caught:
        set_persistent(theirs, made.item_hash, persistent=True)
    assert caught.value.code == 6
    assert network.status(made.item_hash) == "processed"
    assert ask(made.urls[0]) == (200, "hello")


def test_already_so(network, session, account, app):
    made = created(session, app())
    done = set_persistent(session, made.item_hash, persistent=False)
    assert (done.unchanged, done.forgotten, kinds(network, account)) == (True, False, ["STORE", "PROGRAM"])


def test_not_updatable(session, app):
    made = created(session, app())
    with pytest.raises(PlanError, match="not updatable"):
        set_persistent(session, made.item_hash, persistent=True)


def test_the_old_one_is_kept_on_request(network, session, app):
    made = created(session, app(), updatable=True)
    done = set_persistent(session, made.item_hash, persistent=True, keep_prev=True)
    assert [network.status(each) for each in (made.item_hash, done.item_hash)] == ["processed"] * 2


def test_custom_domains_follow_and_end_with_the_program(network, session, client, account, app):
    made = created(session, app(), updatable=True)
    attach(session, "api.example.org", made.item_hash)
    there = set_persistent(session, made.item_hash, persistent=True)
    assert names_of(client, account.address, [there.item_hash]) == ["api.example.org"]
    kept = set_persistent(session, there.item_hash, persistent=False, keep_prev=True)
    assert names_of(client, account.address, [kept.item_hash]) == []
    delete(session, there.item_hash)
    assert [each.item_hash for each in domains_of(client, account.address)] == []
