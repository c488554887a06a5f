from __future__ import annotations

import os
import textwrap
import zipfile
from dataclasses import replace

import pytest

from hatch_aleph.deploy.health import Health
from hatch_aleph.deploy.session import Session
from hatch_aleph.errors import HealthError, ImageError, NetworkError, PlanError, ProjectError, UsageError
from hatch_aleph.network.messages import sign_message
from hatch_aleph.programs.creation import checked, create
from hatch_aleph.programs.revision import update
from tests.programs.rig import BARE_APP, ask, ask_until, write_app
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


class Noting(Health):
    """Keeps what it is told to have run before an amend."""

    def confirm(self, *arguments, **options):
        self.before = options["before"]
        return super().confirm(*arguments, **options)


def test_what_ran_before_an_update_is_noted(network, session, app):
    """A host that has started it again before anybody looks is not taken for one that has not stopped it yet."""
    asking = replace(session, health=Noting())
    made = created(asking, app("old"))
    update(asking, made.item_hash, app("new"), {})
    assert asking.health.before.running
    assert asking.health.before.began


class Interrupted(Health):
    """Is cut off when the new code is processed and its answer is awaited."""

    def confirm(self, *_arguments, **_options):
        raise KeyboardInterrupt


class InterruptedBefore(Health):
    """Is cut off when it looks at what runs, before anything is sent."""

    def before_amend(self, *_arguments, **_options):
        raise KeyboardInterrupt


def test_an_update_cut_off_before_its_answer_asks_at_the_next_run(network, session, account, app, notices):
    questions: list[str] = []
    asking = replace(session, health=Noting(), confirm=questions.append)
    made = created(asking, app("old"))
    with pytest.raises(KeyboardInterrupt):
        update(replace(session, health=Interrupted()), made.item_hash, app("new"), {})
    asking.health.before = "not asked"
    done = update(asking, made.item_hash, app("new"), {})
    assert made.code in questions[-1]  # what it may put back
    assert (asking.health.before, done.unchanged, done.code) == (None, False, network.sent(account.address)[-1][1])
    assert any("seen no answer" in notice for notice in notices)
    assert ask(made.urls[0]) == (200, "new")
    assert update(asking, made.item_hash, app("new"), {}).unchanged
    assert kinds(network, account) == ["STORE", "PROGRAM", "STORE"]


def test_what_was_cut_off_before_it_sent_anything_is_not_said_to_have_sent(session, app, notices):
    made = created(session, app("old"))
    update(session, made.item_hash, app("two"), {})
    with pytest.raises(KeyboardInterrupt):
        update(replace(session, health=InterruptedBefore()), made.item_hash, app("three"), {})
    assert update(session, made.item_hash, app("two"), {}).unchanged
    assert not any("seen no answer" in notice for notice in notices)


@pytest.mark.parametrize("anew", [False, True], ids=["same code", "other code"])
def test_what_was_cut_off_and_does_not_run_makes_way_for_what_answered(network, session, account, app, anew):
    """The code that goes back is the last that answered, also when other broken code was sent after the cut."""
    asking = replace(session, health=Health())
    made = created(asking, app("old"))
    broken = {"source": "app = None\nraise RuntimeError('ANSWER')\n"}
    with pytest.raises(KeyboardInterrupt):
        update(replace(session, health=Interrupted()), made.item_hash, app("new", **broken), {})
    with pytest.raises(HealthError) as caught:
        update(asking, made.item_hash, app("other" if anew else "new", **broken), {})
    assert "rolled back" in caught.value.hint
    assert ask_until(made.urls[0], "old") == "old"
    assert kinds(network, account) == ["STORE", "PROGRAM", "STORE", *(["STORE"] if anew else []), "STORE"]


def test_a_persistent_program_is_said_to_be_stopped_hard(network, session, notices, app):
    made = created(session, app("old"), persistent=True)
    update(session, made.item_hash, app("new"), {})
    assert "killed without `halt`, and it is away for about half a minute" in "".join(notices)


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
    done = update(session, made.item_hash, None, {"memory": 1024, "vcpus": 1, "variables": {"B": "2"}}, replace=True)
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
    done = update(session, made.item_hash, app("new"), {"internet": True}, replace=True, keep_prev=True)
    assert (ask(made.urls[0]), ask(done.urls[0])) == ((200, "old"), (200, "new"))
    last = update(session, done.item_hash, app("newer"), {"internet": False}, replace=True)
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
    done = update(session, free.item_hash, archive, {}, replace=True)
    code = network.content(done.item_hash)["code"]
    assert (code["encoding"], code["entrypoint"]) == ("zip", "main:app")


def test_a_changed_entrypoint(network, session, app):
    made = created(session, app(), updatable=True)
    done = update(
        session,
        made.item_hash,
        app(**{"other.py": "from main import app as thing\n"}),
        {"entrypoint": "other:thing"},
        replace=True,
    )
    assert network.content(done.item_hash)["code"]["entrypoint"] == "aleph_entry:other:thing"
    assert ask(done.urls[0]) == (200, "hello")


def test_wrong_fields_are_told_before_anything_is_sent(network, session, account, app):
    made = created(session, app(), updatable=True)
    with pytest.raises(UsageError, match="--memory"):
        update(session, made.item_hash, None, {"memory": 1})
    with pytest.raises(PlanError, match="The runtime is unknown"):
        update(session, made.item_hash, app("x"), {"runtime": "ab" * 32}, replace=True)
    assert kinds(network, account) == ["STORE", "PROGRAM"]


def test_data_is_not_lost_unasked(session, app):
    volumes = {"persistent": [{"name": "data", "mount": "/var/kept", "size-mib": 10}]}
    made = created(session, app(), updatable=True, volumes=volumes)
    with pytest.raises(PlanError, match="Data would be lost") as caught:
        update(session, made.item_hash, None, {"internet": True}, replace=True)
    assert "--yes" in str(caught.value.hint)
    update(session, made.item_hash, None, {"internet": True}, replace=True, allow_data_loss=True)


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
            update(Session(client, account, tmp_path / "state"), made.item_hash, None, {"internet": True}, replace=True)
    assert network.status(made.item_hash) == "processed"
    done = update(session, made.item_hash, None, {"internet": True}, replace=True)
    assert (network.status(made.item_hash), network.status(done.item_hash)) == ("forgotten", "processed")
    assert kinds(network, account) == ["STORE", "PROGRAM", "PROGRAM", "FORGET"]


@pytest.fixture
def zipped(session, tmp_path):
    """A program as other tools make it: bare code in a zip archive."""
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("main.py", textwrap.dedent(BARE_APP).replace("ANSWER", "zipped"))
    return create(session, archive, checked({"entrypoint": "main:app", "name": "zipped"}))


def test_the_folder_of_a_program_in_a_zip_archive_is_packed_as_one(network, session, account, app, zipped):
    assert ask(zipped.urls[0]) == (200, "zipped")
    folder = app("folder", source=BARE_APP, **{"part/__init__.py": "VALUE = 1\n"})
    done = update(session, zipped.item_hash, folder, {})
    assert (done.item_hash, done.urls) == (zipped.item_hash, zipped.urls)
    assert network.content(done.code)["ref"] == zipped.code
    assert ask_until(zipped.urls[0], "folder") == "folder"
    assert update(session, zipped.item_hash, folder, {}).unchanged  # the same files give the same bytes
    assert kinds(network, account) == ["STORE", "PROGRAM", "STORE"]


def test_what_cannot_be_packed_into_a_zip_archive_is_refused(network, session, account, tmp_path, zipped):
    linked = write_app(tmp_path / "linked", source=BARE_APP)
    (linked / "other.py").symlink_to("main.py")
    with pytest.raises(ProjectError, match=r"Links are not packed into a zip archive: other\.py"):
        update(session, zipped.item_hash, linked, {})
    secret = write_app(tmp_path / "secret", source=BARE_APP, **{".env": "A=1\n"})
    with pytest.raises(ProjectError, match=r"\.env"):
        update(session, zipped.item_hash, secret, {})
    large = write_app(tmp_path / "large", source=BARE_APP)
    (large / "data.bin").write_bytes(os.urandom(10_000_001))
    with pytest.raises(ImageError, match="hosts run zip code up to 10,000,000"):
        update(session, zipped.item_hash, large, {}, replace=True)
    assert kinds(network, account) == ["STORE", "PROGRAM"]


def test_only_replace_takes_another_item_hash(network, session, account, app, tmp_path):
    made = created(session, app(), updatable=True)
    archive = tmp_path / "other.zip"
    with zipfile.ZipFile(archive, "w") as other:
        other.write(app("zipped", source=BARE_APP) / "main.py", "main.py")
    with pytest.raises(PlanError, match=r"(?s)another program.*packed otherwise.*through the adapter") as caught:
        update(session, made.item_hash, archive, {})
    assert "--replace" in str(caught.value.hint)
    with pytest.raises(PlanError, match="memory changes from 2048 to 1024"):
        update(session, made.item_hash, None, {"memory": 1024})
    assert kinds(network, account) == ["STORE", "PROGRAM"]
