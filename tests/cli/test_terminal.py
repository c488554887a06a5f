"""Every command on programs from end to end, in a pipe and in a terminal; Ctrl-C at a prompt leaves nothing behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.cli.terminal import Terminal
from tests.programs.rig import ask

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal"),
    pytest.mark.timeout(600),
]
COMMAND = (sys.executable, "-m", "hatch_aleph")
APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})
"""
HASH = re.compile(r"\b[0-9a-f]{64}\b")


def in_a_pipe(cli, *arguments):
    """Run a command whose streams are pipes, without anybody to ask; return what it printed as its result."""
    command = [*COMMAND, *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return done.stdout


def in_a_terminal(cli, *arguments):
    """Run a command before somebody who says yes to each question that can be answered so, and no to what adds more."""
    with Terminal([*COMMAND, *map(str, arguments)], cli.folder, dict(os.environ)) as terminal:
        answered = 0
        while terminal.process.poll() is None:
            terminal._read()
            questions = re.findall(r"(.*\?)[^?\n]* \[(y/N|Y/n)\]: ", terminal.shown)
            for question, _ in questions[answered:]:
                terminal.type("n\n" if "Add a" in question or "Subscribe" in question else "y\n")
                answered += 1
        assert terminal.end() == 0, terminal.shown
        return terminal.shown


@pytest.mark.parametrize("run", [in_a_pipe, in_a_terminal])
def test_the_manuals_commands_from_end_to_end(cli, network, run):
    made = HASH.findall(run(cli, "create", cli.app("first"), "main:app", "--name", "tried", "--updatable"))[0]
    assert made[:12] in run(cli, "list")  # what names it, where lines are short
    assert made in run(cli, "show", made)
    assert "was asked for /" in run(cli, "logs", made)
    assert "has its new code" in run(cli, "update", made, cli.app("second"))
    there = HASH.findall(run(cli, "persist", made).rpartition("Program ")[2])[0]
    assert network.status(made) == "forgotten"
    back = HASH.findall(run(cli, "unpersist", there).rpartition("Program ")[2])[0]
    assert ask(f"{network.url}/vm/{back}/") == (200, "second")
    assert "3.11" in run(cli, "runtime-checker", "debian-12")
    assert f"Program {back} is deleted" in run(cli, "delete", back)
    assert "has no program" in run(cli, "list")
    kinds = [kind for kind, item_hash in network.sent(cli.account.address) if network.status(item_hash) == "processed"]
    assert set(kinds) == {"FORGET"}


def test_a_no_says_what_was_not_done(cli):
    made = cli.create("x", "--updatable")["item_hash"]
    sent = list(cli.sent)
    for arguments, left in ((("delete", made), "Nothing was deleted."), (("persist", made), "Nothing was published.")):
        with Terminal([*COMMAND, *arguments], cli.folder, dict(os.environ)) as terminal:
            terminal.type("y\ny\n")  # before there is a question: it answers none
            terminal.until("[y/N]: ")
            terminal.type("n\n")
            assert terminal.end() == 130
        assert left in terminal.shown
    assert cli.sent == sent


# The questions of `create`, each with the answer that leads to the next one; Ctrl-C comes at the last of some.
VOLUME = [("Add a volume?", "y"), ("Mount path", "/var/data"), ("immutable volume", "n"), ("Size in MiB", "10")]
CREATE = [
    *(VOLUME[:count] for count in range(1, len(VOLUME) + 1)),
    [*VOLUME, ("Name", "")],
    [("Add a volume?", "n"), ("Add an environment variable?", "y"), ("Name", "A"), ("Value", "")],
    [("Add a volume?", "n"), ("Add an environment variable?", "n"), ("Subscribe to messages?", "")],
]


@pytest.mark.parametrize("questions", CREATE, ids=lambda questions: questions[-1][0])
def test_ctrl_c_at_each_prompt_of_create(cli, questions):
    command = [*COMMAND, "create", str(cli.app()), "main:app", "--beta"]
    with Terminal(command, cli.folder, dict(os.environ)) as terminal:
        for question, answer in questions[:-1]:
            terminal.until(question)
            terminal.shown = ""
            terminal.type(f"{answer}\n")
        terminal.until(questions[-1][0])
        assert terminal.interrupt() == 130, terminal.shown
    assert cli.sent == []


@pytest.fixture
def live(cli, make_project):
    """Publish a program, a volume and three releases of a project; return what commands that ask name of them."""
    project = make_project({"main.py": APP})
    for release in range(3):
        (project / "main.py").write_text(f"{APP}# {release}\n", "utf-8")
        assert cli("deploy", "--project", project, "--yes", "--no-smoke").code == 0
    (project / "main.py").write_text(f"{APP}# not yet\n", "utf-8")
    made = cli.create("x", "--updatable")["item_hash"]
    volume = cli.json("volume", "publish", cli.app("y")).result["item_hash"]
    return {"PROJECT": str(project), "PROGRAM": made, "VOLUME": volume, "APP": str(cli.app("z"))}


ASKING = [
    "update PROGRAM APP",
    "update PROGRAM --internet --replace",
    "persist PROGRAM",
    "delete PROGRAM",
    "volume delete VOLUME",
    "deploy --project PROJECT",
    "deploy --all --project PROJECT",
    "rollback --project PROJECT",
    "prune --project PROJECT",
    "delete --project PROJECT",
]


def test_ctrl_c_at_each_question_leaves_what_there_was(cli, network, live):
    before = network.sent(cli.account.address)
    for line in ASKING:
        command = [*COMMAND, *(live.get(word, word) for word in line.split())]
        with Terminal(command, cli.folder, dict(os.environ)) as terminal:
            terminal.until("[y/N]")
            assert (line, terminal.interrupt()) == (line, 130), terminal.shown
        assert network.sent(cli.account.address) == before, line
