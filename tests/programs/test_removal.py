from __future__ import annotations

import pytest

from hatch_aleph.deploy.session import Session
from hatch_aleph.errors import NetworkError, PlanError
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.executions import Allocation
from hatch_aleph.network.urls import Hosts
from hatch_aleph.programs.removal import delete
from hatch_aleph.programs.replacement import set_persistent
from hatch_aleph.programs.revision import update
from tests.programs.test_creation import Cut
from tests.programs.test_revision import created, kinds


def test_program_then_code_with_all_its_contents(network, session, account, app):
    made = created(session, app("one"))
    amend = update(session, made.item_hash, app("two"), {}).code
    done = delete(session, made.item_hash, reason="no longer used")
    assert [network.status(each) for each in (made.item_hash, made.code, amend)] == ["forgotten"] * 3
    assert (done.volumes, done.kept) == ((made.code,), ())
    assert kinds(network, account)[-2:] == ["FORGET", "FORGET"]
    first = network.content(done.messages[0])
    assert (first["hashes"], first["reason"]) == ([made.item_hash], "no longer used")
    assert sorted(network.content(done.messages[1])["hashes"]) == sorted([made.code, amend])


def test_code_is_kept_on_request(network, session, app):
    made = created(session, app())
    delete(session, made.item_hash, keep_code=True)
    assert (network.status(made.item_hash), network.status(made.code)) == ("forgotten", "processed")


def test_code_that_another_program_uses_is_kept(network, session, app):
    made = created(session, app(), updatable=True)
    twin = set_persistent(session, made.item_hash, persistent=True, keep_prev=True)
    done = delete(session, made.item_hash)
    assert (done.volumes, done.kept, network.status(made.code)) == ((), (made.code,), "processed")
    assert delete(session, twin.item_hash).volumes == (made.code,)


def test_volumes_of_others_making_are_kept(network, session, app):
    library = created(session, app("library"))
    volumes = {"immutable": [{"mount": "/opt/packages", "ref": library.code}]}
    made = created(session, app("user"), volumes=volumes)
    delete(session, made.item_hash)
    assert network.status(library.code) == "processed"


def test_where_a_persistent_program_ran_is_asked_before_it_is_forgotten(network, session, app):
    """The scheduler has no host for one that is forgotten; without a reason to know nobody asks it."""
    made = created(session, app(), updatable=True)
    twin = set_persistent(session, made.item_hash, persistent=True, keep_prev=True)
    asked = []

    def scheduler(item_hash, **_):
        asked.append(network.status(item_hash))
        return Allocation("http://host", "dispatched")

    session.__dict__["hosts"] = Hosts(network.url, list_executions=lambda _: {}, ask_scheduler=scheduler)
    assert delete(session, twin.item_hash, locate=True).hosts == {twin.item_hash: "http://host"}
    assert delete(session, made.item_hash).hosts == {}
    assert asked == ["processed"]


def test_what_is_gone_or_anothers(network, session, client, app, tmp_path):
    made = created(session, app())
    with pytest.raises(PlanError, match="belongs to"):
        delete(Session(client, network.new_account(), tmp_path / "other"), made.item_hash)
    delete(session, made.item_hash)
    with pytest.raises(PlanError, match="The program is forgotten by"):
        delete(session, made.item_hash)
    with pytest.raises(PlanError, match="no such program"):
        delete(session, "cd" * 32)


class CutAtSecondForget(NodeClient):
    """A client whose line is cut when the files are to be forgotten."""

    seen = 0

    def publish(self, message):
        self.seen += message.type == "FORGET"
        if self.seen == 2:
            raise NetworkError("cut off")
        return super().publish(message)


def test_a_cut_between_program_and_code_is_finished_by_the_next_run(network, session, account, app, tmp_path):
    made = created(session, app())
    with CutAtSecondForget([network.url]) as client, pytest.raises(NetworkError, match="cut off"):
        delete(Session(client, account, tmp_path / "state"), made.item_hash)
    assert [network.status(each) for each in (made.item_hash, made.code)] == ["forgotten", "processed"]
    done = delete(session, made.item_hash)
    assert (done.volumes, network.status(made.code)) == ((made.code,), "forgotten")
    with pytest.raises(PlanError, match="forgotten by"):
        delete(session, made.item_hash)


def test_a_cut_before_the_program_is_gone_is_finished_too(network, session, account, app, tmp_path):
    made = created(session, app())
    with Cut([network.url]) as client:
        client.at = ("FORGET",)
        with pytest.raises(NetworkError, match="cut off"):
            delete(Session(client, account, tmp_path / "state"), made.item_hash)
    delete(session, made.item_hash)
    assert kinds(network, account) == ["STORE", "PROGRAM", "FORGET", "FORGET"]
