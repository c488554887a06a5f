from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from hatch_aleph.local.host import Standby, standby
from tests.cli.terminal import Terminal
from tests.programs.rig import ask


def test_every_option_arrives_in_the_message(cli, network):
    library = cli.create("library")["code"]
    made = cli.json(
        *("upload", cli.app("all"), "main:app", "--name", "everything", "--runtime", "debian-12"),
        *("--compute-units", 1, "--vcpus", 2, "--memory", 512, "--timeout-seconds", 59.5),
        *("--internet", "--updatable", "--persistent", "--skip-volume", "--skip-env-var"),
        *("--persistent-volume", "name=data,mount=/var/data,size_mib=10"),
        *("--persistent-volume", "name=more,mount=/var/more,size_mib=20"),
        *("--immutable-volume", f"mount=/opt/packages,ref={library},use_latest=false"),
        *("--env-vars", "A=1,B=two", "--beta", "--subscriptions", '[{"channel": "TEST"}]'),
        *("--payment-chain", "base", "--channel", "TESTS", "--no-adapter", "--address", cli.account.address),
        *("--no-smoke", "--no-health"),  # without the adapter this app knows no lifespan
        *("--print-messages", "--verbose", "--no-debug"),
    ).result
    content = network.content(made["item_hash"])
    assert content["metadata"] == {"name": "everything"}
    assert content["resources"] == {"vcpus": 2, "memory": 512, "seconds": 60}
    assert (content["environment"]["internet"], content["allow_amend"]) == (True, True)
    assert content["on"] == {"http": True, "persistent": True, "message": [{"channel": "TEST"}]}
    assert content["variables"] == {"A": "1", "B": "two"}
    assert [each.get("ref") or (each["name"], each["size_mib"]) for each in content["volumes"]] == [
        library,
        ("data", 10),
        ("more", 20),
    ]
    assert content["volumes"][0]["use_latest"] is False
    assert content["payment"] == {"type": "credit", "chain": "BASE"}
    assert content["code"]["entrypoint"] == "main:app"
    assert [(each["type"], each["channel"]) for each in made["messages"]] == [("STORE", "TESTS"), ("PROGRAM", "TESTS")]


def test_what_people_see(cli):
    done = cli("create", cli.app("seen"), "main:app", "--env-vars", "A=1")
    assert done.code == 0, done.err
    assert "answers at" in done.out
    assert " a day, its code" in done.out
    assert "public for ever: A" in done.err
    url = next(line.strip() for line in done.out.splitlines() if "/vm/" in line)
    assert ask(url) == (200, "seen")


def test_what_nobody_asked_is_not_said_to_answer(cli):
    done = cli("create", cli.app("unseen"), "main:app", "--no-smoke", "--no-health")
    assert (done.code, "answers at" in done.out, "was not asked" in done.out) == (0, False, True)
    item_hash = next(line for line in done.out.splitlines() if "/vm/" in line).rpartition("/")[2]
    done = cli("update", item_hash, cli.app("unseen too"), "--no-smoke", "--no-health")
    assert (done.code, "answers at" in done.out, "was not asked" in done.out) == (0, False, True)


def test_quietly_only_the_item_hash(cli, network):
    done = cli("create", cli.app(), "main:app", "--no-verbose")
    assert network.status(done.out.strip()) == "processed"


def test_one_message_alone_can_be_printed(cli):
    done = cli("create", cli.app(), "main:app", "--no-verbose", "--print-code-message")
    message, _, item_hash = done.out.rpartition("}\n")
    assert json.loads(message + "}")["type"] == "STORE"
    assert len(item_hash.strip()) == 64


def test_the_name_is_the_folders_unless_said(cli):
    made = cli.json("create", cli.app(), "main:app").result
    assert made["name"] == "app"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("main:app", "--memory", "1", "--timeout-seconds", "0"), 64, "2 mistakes on the command line"),
        (("main:app", "--compute-units", "13"), 64, "13"),
        (("main:app", "--env-vars", "A"), 64, "KEY=value"),
        (("main:app", "--persistent-volume", "mount=/a,size_mib=5"), 64, "--persistent-volume[0].name: required"),
        (("main:app", "--ephemeral-volume", "mount=/a,size_mib=5"), 64, "hosts do not implement ephemeral volumes"),
        (("main:app", "--immutable-volume", "mount=/a,rev=x"), 64, "--immutable-volume[0].rev: unknown key"),
        (("main:app", "--subscriptions", "{}"), 64, "a JSON list of objects"),
        (("main:app", "--subscriptions", "@/nowhere"), 64, "No such file"),
        (("main:app", "--beta"), 64, "no terminal to ask on"),
        (("nothing:app",), 4, "no module 'nothing'"),
        (("main:app", "--runtime", "ab" * 32), 13, "The runtime is unknown"),
        (("main:app", "--private-key", "0x1", "--private-key-file", "key"), 64, "exclude each other"),
        (("main:app", "--private-key-file", "/nowhere/key"), 8, "cannot be read"),
        (("main:app", "--node", "http://127.0.0.1:9"), 9, "127.0.0.1:9"),
    ],
)
def test_what_is_wrong_is_told_in_one_message_and_nothing_is_sent(cli, arguments, code, told):
    done = cli("create", cli.app(), *arguments)
    assert done.code == code, done.err
    assert told in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert cli.sent == []


def test_a_runtime_by_the_name_that_the_network_lists(cli, network):
    name = "Legacy runtime with Debian 11, Python 3.9"  # of its aggregate `runtimes`; settings know it as debian-11
    done = cli.json("create", cli.app(), "main:app", "--runtime", name, "--dry-run")
    assert any(name in event.get("text", "") for event in done.events)
    assert done.result["dry_run"] is True
    error = cli.json("create", cli.app(), "main:app", "--runtime", "node-18").error
    assert (error["exit_code"], name in error["hint"], "debian-12" in error["hint"]) == (64, True, True)
    assert cli.sent == []


def test_a_path_that_is_not_there(cli):
    error = cli.json("create", cli.folder / "nowhere", "main:app").error
    assert (error["kind"], error["exit_code"]) == ("ProjectError", 4)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
def test_a_no_at_last_publishes_nothing(cli):
    command = [
        sys.executable,
        "-m",
        "hatch_aleph",
        "create",
        str(cli.app()),
        "main:app",
        "--skip-volume",
        "--skip-env-var",
        "--no-smoke",
    ]
    with Terminal(command, cli.folder, dict(os.environ)) as terminal:
        terminal.until("[y/N]")
        terminal.type("n\n")
        assert terminal.end() == 130
        assert "Nothing was published." in terminal.shown
    assert cli.sent == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
def test_on_a_terminal_it_asks_for_what_was_not_said(cli, network):
    import pty

    master, slave = pty.openpty()
    answers = ["y", "/var/data", "n", "10", "kept", "n", "y", "NAME", "value", "n", "y"]
    command = [sys.executable, "-m", "hatch_aleph", "create", str(cli.app()), "main:app", "--no-verbose"]
    process = subprocess.Popen(command, stdin=slave, stderr=slave, stdout=subprocess.PIPE, text=True)
    os.close(slave)
    os.write(master, b"n\nn\nn\n")  # typed before any question: it answers none
    seen = b""
    for answer in answers:
        while not re.search(rb"(?:: |\]: )$", seen):
            seen += os.read(master, 65536)
        last, seen = seen, b""
        os.write(master, answer.encode() + b"\n")
        while answer.encode() not in seen:  # its echo
            seen += os.read(master, 65536)
        seen = seen.partition(answer.encode())[2]
    out, _ = process.communicate(timeout=60)
    os.close(master)
    # Before the last question stands what nobody said, and what it costs.
    shown = re.sub(r"\x1b\[[0-9;]*[mK]|\r", "", last.decode())
    assert "resources      1 vCPU, 2,048 MiB, 30 s a request\n" in shown
    assert "volumes        /var/data\n" in shown
    assert re.search(r"Publish the program app for \$\d.* a day, its code included\? \[y/N\]: $", shown)
    content = network.content(out.strip())
    assert [(each["name"], each["mount"], each["size_mib"]) for each in content["volumes"]] == [
        ("kept", "/var/data", 10)
    ]
    assert content["variables"] == {"NAME": "value"}


def test_the_guest_that_boots_while_it_packs_is_used_or_ended(cli, monkeypatch, tmp_path):
    """The trial's program runs in it; a folder that cannot be packed leaves neither process nor files."""
    taken, begun = [], []

    class Watched(Standby):
        def begin(self, place, version):
            super().begin(place, version)
            begun.append(self._guest)

        def take(self, place, version):
            guest = super().take(place, version)
            taken.append(guest)
            return guest

    assert cli("create", cli.app("first"), "main:app", "--no-verbose").code == 0  # what it needs is here from now on
    monkeypatch.setattr(standby, "Standby", Watched)
    assert cli("create", cli.app("again"), "main:app", "--no-verbose").code == 0
    assert taken == begun
    assert len(begun) == 1
    empty = tmp_path / "empty"
    empty.mkdir()
    assert cli("create", empty, "main:app").code != 0
    assert len(begun) == 2
    assert all(each.process.returncode is not None and not each.folder.exists() for each in begun)
    assert cli("create", cli.app("untried"), "main:app", "--no-smoke", "--no-verbose").code == 0
    assert len(begun) == 2
