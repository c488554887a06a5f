"""Commands on programs that the network refuses half-way: told with the next step, and finished by the next run."""

from __future__ import annotations

import pytest

from hatch_aleph.deploy.session import Session
from hatch_aleph.errors import PlanError, RejectedError
from hatch_aleph.network.client import NodeClient
from hatch_aleph.programs.creation import checked, create
from hatch_aleph.programs.removal import delete
from hatch_aleph.programs.revision import update
from tests.programs.test_revision import created, kinds


class Meanwhile(NodeClient):
    """A client before whose messages of a type something happens, once."""

    def __init__(self, url, kind, then):
        super().__init__([url])
        self._kind, self._then = kind, then

    def publish(self, message):
        then, self._then = (self._then, None) if message.type == self._kind else (None, self._then)
        if then:
            then()
        return super().publish(message)


def test_6_credits_that_run_out_between_code_and_program(network, account, app, tmp_path):
    settings = checked({"entrypoint": "main:app", "name": "app"})
    with Meanwhile(network.url, "PROGRAM", lambda: network.faucet(account.address, -(10**9))) as client:
        session = Session(client, account, tmp_path / "state", patience=30)
        with pytest.raises(RejectedError, match="does not have enough credits") as raised:
            create(session, app("six"), settings)
        assert (raised.value.code, raised.value.exit_code) == (6, 10)
        assert "Top up credits" in raised.value.hint
        network.faucet(account.address, 10**9)
        create(session, app("six"), settings)
    assert kinds(network, account) == ["STORE", "PROGRAM"]  # lists leave out what was rejected


def test_503_code_that_a_program_of_somebody_else_uses(network, session, client, app, tmp_path):
    made = created(session, app("shared"))
    theirs = Session(client, network.new_account(), tmp_path / "theirs")
    created(theirs, app("user"), volumes={"immutable": [{"mount": "/opt/theirs", "ref": made.code}]})
    with pytest.raises(RejectedError) as raised:
        delete(session, made.item_hash)
    assert (raised.value.code, raised.value.exit_code) == (503, 10)
    assert made.code in str(raised.value)
    assert "Somebody else's program keeps it too" in raised.value.hint
    # The program is gone all the same, and there is nothing that a second run could do: it says so, and signs nothing.
    assert (network.status(made.item_hash), network.status(made.code)) == ("forgotten", "processed")
    refused = session.journal_of(f"delete:{made.item_hash}").refused("FORGET")
    with pytest.raises(RejectedError) as again:
        delete(session, made.item_hash)
    assert (again.value.code, made.code in again.value.hint) == (503, True)
    assert session.journal_of(f"delete:{made.item_hash}").refused("FORGET") == refused
    with pytest.raises(PlanError, match="forgotten by"):
        delete(session, made.item_hash, keep_code=True)


def test_201_never_comes_of_code_that_another_tool_took_from_an_amend(network, session, account, app):
    made = created(session, app("one"))
    amend = update(session, made.item_hash, app("two"), {}).code
    content = {key: value for key, value in network.content(made.item_hash).items() if key != "time"}
    content["code"] = {**content["code"], "ref": amend, "use_latest": False}
    with session.sending("by hand", "TEST") as sender:
        pinned = sender.deliver("PROGRAM", content).item_hash
    with pytest.raises(PlanError, match="not updatable"):  # it cannot be amended where it stands
        update(session, pinned, app("three"), {})
    assert kinds(network, account) == ["STORE", "PROGRAM", "STORE", "PROGRAM"]
