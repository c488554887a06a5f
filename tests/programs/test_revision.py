from __future__ import annotations

import zipfile

import pytest

from hatch_aleph.deploy.session import Session
from hatch_aleph.errors import NetworkError, PlanError, UsageError
from hatch_aleph.network.messages import sign_message
from hatch_aleph.programs.creation import checked, create
from hatch_aleph.programs.revision import update
from tests.programs.rig import ask, ask_until
from tests.programs.test_creation import Cut


def created(session, path, **table):
    return create(session, path, checked({"entrypoint": "main:app", "name": "app", **table}))


def kinds(network, account):
    return [kind for kind, _ in network.sent(account.address)]


def test_new_code_comes_in_place_under_the_same_item_hash_and_url(network, session, account, app):
    made = created(session, app("old"))
    assert ask(made.urls[0]) == (200, "old")
    done = update(session, made.item_hash, app("new"), {})
    assert (done.item_hash, done.urls, done.unchanged) == (made.item_hash, made.urls, False)
    assert ask_until(made.urls[0], "new") == "new"
    assert kinds(network, account) == ["STORE", "PROGRAM", "STORE"]
    assert network.content(done.code)["ref"] == made.code


def test_an_update_of_an_update_amends_the_original(network, session, app):
    made = created(session, app("one"))
    update(session, made.item_hash, app("two"), {})
    done = update(session, made.item_hash, app("three"), {})
    assert network.content(done.code)["ref"] == made.code
    assert ask(made.urls[0]) == (200, "three")


def test_the_same_code_sends_nothing(network, session, account, app):
    made = created(session, app())
    done = update(session, made.item_hash, app(), {})
    assert (done.unchanged, kinds(network, account)) == (True, ["STORE", "PROGRAM"])


def test_earlier_code_comes_back_without_upload(network, session, account, app):
    made = created(session, app("one"))
    update(session, made.item_hash, app("two"), {})
    update(session, made.item_hash, app("one"), {})
    assert ask(made.urls[0]) == (200, "one")
    assert kinds(network, account) == ["STORE", "PROGRAM", "STORE", "STORE"]


def test_fields_change_by_a_program_that_takes_over(network, session, account, app):
    made = created(session, app(), updatable=True, variables={"A": "1"})
    done = update(session, made.item_hash, None, {"memory": 1024, "vcpus": 1, "variables": {"B": "2"}})
    assert done.item_hash != made.item_hash
    content = network.content(done.item_hash)
    assert (content["resources"]["memory"], content["variables"], content["code"]["ref"]) == (
        1024,
        {"B": "2"},
        made.code,
    )
    assert "replaces" not in content
    assert network.status(made.item_hash) == "forgotten"
    assert kinds(network, account) == ["STORE", "PROGRAM", "PROGRAM", "FORGET"]
    assert ask(done.urls[0]) == (200, "hello")


def test_code_and_fields_together_leave_the_old_program_as_it_was_until_it_goes(network, session, account, app):
    made = created(session, app("old"), updatable=True)
    done = update(session, made.item_hash, app("new"), {"internet": True}, keep_prev=True)
    assert (ask(made.urls[0]), ask(done.urls[0])) == ((200, "old"), (200, "new"))
    last = update(session, done.item_hash, app("newer"), {"internet": False})
    assert (network.status(done.item_hash), network.status(done.code)) == ("forgotten", "forgotten")
    assert ask(last.urls[0]) == (200, "newer")


def test_fields_of_a_program_that_is_not_updatable_stay(network, session, account, app):
    made = created(session, app())
    with pytest.raises(PlanError, match="not updatable"):
        update(session, made.item_hash, None, {"memory": 1024})
    assert kinds(network, account) == ["STORE", "PROGRAM"]


def test_another_encoding_needs_another_program(network, session, app, tmp_path):
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.write(app("zipped") / "main.py", "main.py")
    fixed, free = created(session, app("one")), created(session, app("two"), updatable=True)
    with pytest.raises(PlanError, match="not updatable"):
        update(session, fixed.item_hash, archive, {})
    done = update(session, free.item_hash, archive, {})
    code = network.content(done.item_hash)["code"]
    assert (code["encoding"], code["entrypoint"]) == ("zip", "main:app")


def test_a_changed_entrypoint(network, session, app):
    made = created(session, app(), updatable=True)
    done = update(
        session, made.item_hash, app(**{"other.py": "from main import app as thing\n"}), {"entrypoint": "other:thing"}
    )
    assert network.content(done.item_hash)["code"]["entrypoint"] == "aleph_entry:other:thing"
    assert ask(done.urls[0]) == (200, "hello")


def test_wrong_fields_are_told_before_anything_is_sent(network, session, account, app):
    made = created(session, app(), updatable=True)
    with pytest.raises(UsageError, match="--memory"):
        update(session, made.item_hash, None, {"memory": 1})
    with pytest.raises(PlanError, match="the runtime is unknown"):
        update(session, made.item_hash, app("x"), {"runtime": "ab" * 32})
    assert kinds(network, account) == ["STORE", "PROGRAM"]


def test_data_is_not_lost_unasked(session, app):
    volumes = {"persistent": [{"name": "data", "mount": "/var/kept", "size-mib": 10}]}
    made = created(session, app(), updatable=True, volumes=volumes)
    with pytest.raises(PlanError, match="data would be lost") as caught:
        update(session, made.item_hash, None, {"internet": True})
    assert "--yes" in str(caught.value.hint)
    update(session, made.item_hash, None, {"internet": True}, allow_data_loss=True)


def test_only_the_owner_may(network, session, client, app, tmp_path):
    made = created(session, app())
    other = Session(client, network.new_account(), tmp_path / "other")
    with pytest.raises(PlanError, match="belongs to"):
        update(other, made.item_hash, app("x"), {})


def test_a_program_that_is_not_there(network, session, app):
    with pytest.raises(PlanError, match="knows no such program"):
        update(session, "ab" * 32, app(), {})
    made = created(session, app())
    with pytest.raises(PlanError, match="This is a STORE"):
        update(session, made.code, app(), {})


def test_code_of_another_owner_cannot_be_amended(network, session, client, account, app):
    theirs = created(session, app("theirs"))
    other = network.new_account()
    content = {**network.content(theirs.item_hash), "address": other.address}
    message = sign_message(other, "PROGRAM", content, channel="TEST", time=content["time"])
    client.publish(message)
    client.wait(message.item_hash)
    with pytest.raises(PlanError, match="another's"):
        update(Session(client, other, session.folder), message.item_hash, app("mine"), {})
    assert kinds(network, other) == ["PROGRAM"]


def test_a_cut_between_new_and_old_is_finished_without_a_third(network, session, account, app, tmp_path):
    made = created(session, app(), updatable=True)
    with Cut([network.url]) as client:
        client.at = ("FORGET",)
        with pytest.raises(NetworkError):
            update(Session(client, account, tmp_path / "state"), made.item_hash, None, {"internet": True})
    assert network.status(made.item_hash) == "processed"
    done = update(session, made.item_hash, None, {"internet": True})
    assert (network.status(made.item_hash), network.status(done.item_hash)) == ("forgotten", "processed")
    assert kinds(network, account) == ["STORE", "PROGRAM", "PROGRAM", "FORGET"]
