"""What a command signs is shown before: a dry run names what is done, its cost, and every hash that is forgotten."""

from __future__ import annotations

import importlib
import json
import re

import pytest

QUICK = ("--no-smoke", "--no-health")
COSTS = r"for \S.* a day|at unknown cost"
# What is typed, what a text must show beside the hashes; PROGRAM, VOLUME and FILE are item hashes of what is there.
COMMANDS = {
    "create": (["create", "APP", "main:app", "--name", "shop", *QUICK], rf"Publish the program shop ({COSTS})"),
    "update": (["update", "PROGRAM", "NEWER", *QUICK], rf"Give the program PROGRAM this code, ({COSTS})"),
    "update --replace": (
        ["update", "PROGRAM", "NEWER", "--env-vars", "A=1", "--replace", *QUICK],
        rf"takes over from PROGRAM, ({COSTS})",
    ),
    "persist": (["persist", "PROGRAM", *QUICK], rf"takes over from PROGRAM, ({COSTS})"),
    "unpersist": (["unpersist", "PERSISTENT", *QUICK], rf"takes over from PERSISTENT, ({COSTS})"),
    "delete": (
        ["delete", "PROGRAM"],
        r"  program app +\$0\.26  PROGRAM\n  code +\$0\.\d+  \w{64}\nForget these 2 for ever, which saves",
    ),
    "volume publish": (["volume", "publish", "APP", "--name", "data"], rf"Publish data, .* KiB, ({COSTS})"),
    "volume delete": (
        ["volume", "delete", "VOLUME"],
        r"  old  \$0\.\d+  VOLUME\nForget this for ever, which saves \$",
    ),
    "file upload": (["file", "upload", "TEXT"], rf"Publish text, 5 bytes, .* ({COSTS})"),
    "file forget": (["file", "forget", "FILE"], r"  STORE  \$0\.\d+  FILE\nForget this for ever, which saves \$"),
    "message forget": (
        ["message", "forget", "FILE"],
        r"  STORE  \$0\.\d+  FILE\nForget this for ever, which saves \$",
    ),
}


@pytest.fixture(params=COMMANDS)
def typed(request, cli, tmp_path):
    """Return the arguments and the text, with what they need made first."""
    arguments, text = COMMANDS[request.param]
    names = {"APP": cli.app("one"), "TEXT": tmp_path / "text"}
    names["TEXT"].write_text("words")
    if "PROGRAM" in arguments:
        names["PROGRAM"] = cli.create("one", "--updatable")["item_hash"]
    if "PERSISTENT" in arguments:
        names["PERSISTENT"] = cli.create("one", "--updatable", "--persistent")["item_hash"]
    if "NEWER" in arguments:
        names["NEWER"] = cli.app("two")
    if "VOLUME" in arguments:
        names["VOLUME"] = cli.json("volume", "publish", names["APP"], "--name", "old").result["item_hash"]
    if "FILE" in arguments:
        other = tmp_path / "other"
        other.write_text("other words")
        names["FILE"] = cli.json("file", "upload", other).result["item_hash"]
    for name, value in names.items():
        text = text.replace(name, str(value))
    return [names.get(each, each) for each in arguments], text


def test_all_that_is_signed_is_shown_before(cli, network, typed):
    arguments, text = typed
    before = network.sent(cli.account.address)
    shown = cli.json(*arguments, "--dry-run").result["would"]
    assert network.sent(cli.account.address) == before
    assert re.search(text, shown), shown

    done = cli(*arguments)
    assert done.code == 0, done.err
    new = network.sent(cli.account.address)[len(before) :]
    assert new
    forgets = [network.content(item_hash) for kind, item_hash in new if kind == "FORGET"]
    forgotten = {each for content in forgets for each in content["hashes"]}
    assert forgotten <= set(re.findall("[0-9a-f]{64}", shown)), json.dumps(sorted(forgotten))
    assert not forgotten or "orget" in shown
    assert re.search(text, done.err)  # where nobody can be asked it is said as well


def test_every_permission_that_is_signed_again_is_shown(cli):
    """One message says all of them, and a node can show those of before another was taken back."""
    first, second, third = (f"0x{digit * 40}" for digit in "123")
    for each in (first, second):
        assert cli.json("authorization", "add", each, "--deploy").code == 0
    for command in (["add", third, "--type", "POST"], ["revoke", first]):
        shown = cli.json("authorization", *command, "--dry-run").result["would"]
        done = cli("authorization", *command)
        assert done.code == 0, done.err
        assert shown in done.err
        for each in cli.json("authorization", "list").result["authorizations"]:
            assert f"  {each['address']}  only {', '.join(each['types'])}" in shown


def test_what_an_earlier_run_left_to_be_forgotten_is_shown(cli, network, monkeypatch):
    made = cli.create("left")
    with monkeypatch.context() as cut:
        outbox = importlib.import_module("hatch_aleph.deploy.outbox").Outbox
        deliver = outbox.deliver

        def killed(self, type_, content, **options):
            message = deliver(self, type_, content, **options)
            if type_ == "FORGET":
                raise KeyboardInterrupt
            return message

        cut.setattr(outbox, "deliver", killed)
        assert cli("delete", made["item_hash"]).code == 130
    before = set(network.sent(cli.account.address))
    done = cli("delete", made["item_hash"])
    assert done.code == 0, done.err
    ((kind, item_hash),) = set(network.sent(cli.account.address)) - before  # signed by the run before
    assert kind == "FORGET"
    assert "Forget for ever what an earlier run was about to: " in done.err
    assert set(network.content(item_hash)["hashes"]) <= set(re.findall("[0-9a-f]{64}", done.err)), done.err
