from __future__ import annotations

import asyncio
import threading
import time
import zipfile
from dataclasses import replace

import pytest

from hatch_aleph.cli.smoke import _unless_failed
from hatch_aleph.deploy.session import Session
from hatch_aleph.errors import HatchAlephError, HealthError, NetworkError, PlanError, RejectedError
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.messages import aggregate_content, sign_message
from hatch_aleph.programs import creation
from hatch_aleph.programs.creation import checked, create
from hatch_aleph.programs.program_code import prepare_code
from hatch_aleph.programs.removal import delete
from hatch_aleph.squashfs import scan, write_image
from hatch_aleph.squashfs.pool import in_background
from tests.programs.rig import BARE_APP, ask

PINNED_NOWHERE = "ab" * 32


def settings(**table):
    return checked({"entrypoint": "main:app", "name": "app", **table})


def test_who_subscribes_is_told_that_events_come_once_a_host(session, notices, app):
    create(session, app("hello"), settings())
    assert "once a host" not in "".join(notices)
    create(session, app("hello"), settings(subscriptions=[{"channel": "TEST"}]))
    assert "once a host" in "".join(notices)


def test_a_folder_becomes_a_program_that_answers(network, session, account, app):
    made = create(session, app("hello"), settings(memory=512, vcpus=1, variables={"A": "1"}))
    assert ask(made.urls[0] + "/x") == (200, "hello")
    content = network.content(made.item_hash)
    assert content["code"] == {
        "encoding": "squashfs",
        "entrypoint": "aleph_entry:main:app",
        "interface": "asgi",
        "use_latest": True,
        "ref": made.code,
    }
    assert (content["address"], content["metadata"]) == (account.address, {"name": "app"})
    assert content["payment"] == {"type": "credit", "chain": "ETH"}
    assert (content["resources"], content["variables"]) == ({"vcpus": 1, "memory": 512, "seconds": 30}, {"A": "1"})
    assert [kind for kind, _ in network.sent(account.address)] == ["STORE", "PROGRAM"]
    assert made.per_day > 0


def test_nothing_is_sent_before_the_trial_and_the_checks_beside_it_have_ended(network, session, account, app):
    def fails(_artifact, beside):
        raise HealthError("It answers 500")

    def ends_late(_artifact, beside):
        time.sleep(0.3)
        assert network.sent(account.address) == []

    with pytest.raises(HealthError, match="It answers 500"):
        create(replace(session, smoke=fails), app(), settings())
    with pytest.raises(PlanError, match="The runtime is unknown to the network"):
        create(replace(session, smoke=fails), app(), settings(runtime=PINNED_NOWHERE))
    with pytest.raises(PlanError, match="The runtime is unknown to the network"):
        create(replace(session, smoke=ends_late), app(), settings(runtime=PINNED_NOWHERE))
    assert network.sent(account.address) == []
    create(replace(session, smoke=ends_late), app(), settings())
    assert [kind for kind, _ in network.sent(account.address)] == ["STORE", "PROGRAM"]


def test_a_check_that_fails_beside_the_trial_ends_it():
    begun, ended = threading.Event(), []

    async def trial():
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("its guest is stopped")

    def fails():
        begun.wait()
        raise PlanError("The runtime is unknown to the network")

    with pytest.raises(PlanError, match="The runtime is unknown"):
        asyncio.run(_unless_failed(trial(), in_background(fails)))
    assert ended


@pytest.mark.parametrize("encoding", ["squashfs", "zip"])
def test_an_image_and_an_archive_become_programs_as_they_are(network, session, app, tmp_path, encoding):
    path = tmp_path / f"app.{encoding}"
    folder = app(f"as {encoding}", source=BARE_APP)
    if encoding == "squashfs":
        write_image(scan(folder), path)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(folder / "main.py", "main.py")
    made = create(session, path, settings())
    assert network.content(made.item_hash)["code"]["entrypoint"] == "main:app"
    assert ask(made.urls[0]) == (200, f"as {encoding}")


def test_an_executable_answers_through_the_adapter(session, app):
    server = (
        "#!/usr/bin/env python3\n"
        "import http.server\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.send_header('Content-Length', '4'); self.end_headers()\n"
        "        self.wfile.write(b'bare')\n"
        "http.server.HTTPServer(('127.0.0.1', 8080), Handler).serve_forever()\n"
    )
    folder = app(**{"run.py": server})
    (folder / "run.py").chmod(0o755)
    made = create(session, folder, settings(entrypoint="run.py", interface="executable"))
    assert ask(made.urls[0]) == (200, "bare")


@pytest.mark.parametrize(
    ("table", "kind", "told"),
    [
        ({"runtime": PINNED_NOWHERE}, PlanError, "The runtime is unknown to the network"),
        (
            {"volumes": {"immutable": [{"mount": "/opt/packages", "ref": PINNED_NOWHERE}]}},
            PlanError,
            "The volume is unknown to the network",
        ),
        ({"entrypoint": "other:app"}, HatchAlephError, "no module 'other'"),
    ],
)
def test_what_would_fail_is_told_before_anything_is_sent(network, session, account, app, table, kind, told):
    with pytest.raises(kind, match=told):
        create(session, app(), settings(**table))
    assert network.sent(account.address) == []


def test_an_amend_is_no_volume_to_follow(network, session, app):
    first = create(session, app("one"), settings())
    with session.sending("amend", "TEST") as sender:
        stored = network.content(first.code)
        amend = sender.deliver(
            "STORE", {key: value for key, value in stored.items() if key != "time"} | {"ref": first.code}
        )
    with pytest.raises(PlanError, match="The volume is an amend") as caught:
        create(
            session,
            app(),
            settings(volumes={"immutable": [{"mount": "/opt/x", "ref": amend.item_hash}]}),
        )
    assert first.code in str(caught.value.hint)


def test_without_credits_nothing_is_sent(network, client, app, tmp_path):
    poor = network.new_account(0)
    with pytest.raises(RejectedError, match=r"needed for a day of it, \$0\.00 available") as caught:
        create(Session(client, poor, tmp_path / "state"), app(), settings())
    assert (caught.value.code, network.sent(poor.address)) == (6, [])


class Cut(NodeClient):
    """A client whose line is cut at some messages."""

    at: tuple[str, ...] = ("PROGRAM",)

    def publish(self, message):
        if message.type in self.at:
            raise NetworkError("cut off")
        return super().publish(message)


def test_a_run_that_was_cut_off_is_finished_without_a_second_copy(network, session, account, app, notices, tmp_path):
    with Cut([network.url]) as client, pytest.raises(NetworkError, match="cut off"):
        create(Session(client, account, tmp_path / "state"), app("again"), settings())
    assert [kind for kind, _ in network.sent(account.address)] == ["STORE"]
    made = create(session, app("again"), settings())
    assert [kind for kind, _ in network.sent(account.address)] == ["STORE", "PROGRAM"]
    assert any(made.code in notice for notice in notices)
    assert ask(made.urls[0]) == (200, "again")


def test_two_programs_of_one_code_each_have_their_own(session, app):
    first = create(session, app(), settings())
    second = create(session, app(), settings())
    assert first.code != second.code
    assert first.item_hash != second.item_hash


class Inventing(NodeClient):
    """A node that says in lists, where nobody's signature is looked at, that a file holds other bytes than it does."""

    file_hash = ""

    def messages(self, **query):
        for message in super().messages(**query):
            lie = {"item_hash": self.file_hash} if self.file_hash and query.get("tags") else {}
            yield replace(message, content={**message.content, **lie})


def test_a_file_that_does_not_hold_the_code_is_not_taken_for_it(network, account, app, tmp_path, monkeypatch):
    with Cut([network.url]) as client, pytest.raises(NetworkError, match="cut off"):
        create(Session(client, account, tmp_path / "state"), app("other"), settings())
    ((_, left),) = network.sent(account.address)
    with Inventing([network.url]) as client:
        session = Session(client, account, tmp_path / "elsewhere")

        def known(*given, **more):
            code = prepare_code(*given, **more)
            Inventing.file_hash = code.hashes.sha256
            return code

        monkeypatch.setattr(creation, "prepare_code", known)
        made = create(session, app("mine"), settings())
    assert ask(made.urls[0]) == (200, "mine")
    assert made.code != left


def test_public_variables_are_told(session, app, notices):
    create(session, app(), settings(variables={"TOKEN": "x"}))
    assert any("public for ever: TOKEN" in notice for notice in notices)


@pytest.mark.parametrize(
    ("files", "table", "told"),
    [
        ({"config.py": 'aws_secret = "AKIAIOSFODNN7REALKEY"\n'}, {}, "config.py:1"),
        ({}, {"variables": {"DB_PASSWORD": "9s8d7f6g5h4j3k2l"}}, "DB_PASSWORD"),
    ],
    ids=["file", "variable"],
)
def test_secrets_stop_it_before_anything_is_sent(network, session, account, app, files, table, told):
    folder = app(**files)
    with pytest.raises(PlanError, match="public for ever") as caught:
        create(session, folder, settings(**table))
    assert told in caught.value.message
    assert network.sent(account.address) == []
    allowed = settings(**table, secrets={"allow": ["config.py", "DB_PASSWORD"]})
    create(session, folder, allowed)
    create(session, folder, settings(**table), scan=False)


def test_acting_for_another_needs_its_permission(network, client, account, app, tmp_path):
    payer = network.new_account()
    session = Session(client, account, tmp_path / "state", payer.address, patience=30)
    with pytest.raises(PlanError, match=r"has not permitted .* to publish, or forget, STORE and PROGRAM") as caught:
        create(session, app(), settings())
    assert f"authorization add {account.address} --deploy" in str(caught.value)
    assert network.sent(account.address) == []
    permit = aggregate_content(
        payer.address, "security", {"authorizations": [{"address": account.address}]}, time=time.time()
    )
    message = sign_message(payer, "AGGREGATE", permit, channel="TEST", time=time.time())
    client.publish(message)
    client.wait(message.item_hash)
    made = create(session, app("theirs"), settings())
    assert network.content(made.item_hash)["address"] == payer.address
    assert ask(made.urls[0]) == (200, "theirs")
    # Who published it for the owner may take it away again.
    assert delete(session, made.item_hash).volumes == (made.code,)


def test_who_may_lose_the_adapter_is_told(session, notices, app):
    settings = {"entrypoint": "main:app", "name": "app"}
    create(session, app(), checked(settings))
    assert not [each for each in notices if "adapter" in each]
    create(session, app(), checked({**settings, "updatable": True}))
    assert [each for each in notices if "an image of another tool's has no adapter and does not start" in each]
