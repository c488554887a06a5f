"""Whoever presses Ctrl-C at any question of any command has published nothing, and written nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import hatch_aleph
from tests.cli.test_declared import used_by_a_stranger
from tests.deploy.rig import RunningNode

PACKAGE = Path(hatch_aleph.__file__).parent
# Where questions are passed on, not asked.
PASSED_ON = ("cli/questions.py", "cli/context.py:confirm")
APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})
"""


def questions() -> set[str]:
    """Return each place of the source that asks, as ``file:function``."""
    found = set()
    for file in PACKAGE.rglob("*.py"):
        name = file.relative_to(PACKAGE).as_posix()
        if name.split("/")[0] not in ("cli", "programs", "deploy", "records.py", "plugin"):
            continue
        for function in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found |= {f"{name}:{function.name}" for call in _own_calls(function) if _asks(call)}
    return {place for place in found if not place.startswith(PASSED_ON)}


def _own_calls(function: ast.AST):
    for child in ast.iter_child_nodes(function):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from _own_calls(child)


def _asks(call: ast.Call) -> bool:
    called = call.func
    if isinstance(called, ast.Name):  # from cli.questions; what plugins and deployments take as `confirm` asks there
        return called.id in ("confirm", "ask", "ask_yes") and bool(call.args) and "output" in ast.unparse(call.args[0])
    return ast.unparse(called) in ("session.confirm", "context.confirm", "password", "asked")


class Interrupted:
    """Answers questions as scripted, presses Ctrl-C at the next one, and notes where it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[object] = []
        self.met: set[str] = set()
        self.asked = 0
        for stream in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(getattr(sys, stream), "isatty", lambda: True, raising=False)
        monkeypatch.setattr("hatch_aleph.cli.questions.click.confirm", self._answer)
        monkeypatch.setattr("hatch_aleph.cli.questions.click.prompt", self._answer)

    def _answer(self, *_arguments: object, **options: object) -> object:
        self.asked += 1
        if self.answers:
            answer, check = self.answers.pop(0), options.get("value_proc")
            return check(answer) if callable(check) else answer
        frame = sys._getframe()
        while frame is not None:
            file = Path(frame.f_code.co_filename)
            if file.is_relative_to(PACKAGE):
                self.met.add(f"{file.relative_to(PACKAGE).as_posix()}:{frame.f_code.co_name}")
            frame = frame.f_back
        raise click.Abort


@pytest.fixture
def words(cli, network, make_project, tmp_path, monkeypatch):
    """Publish what commands that ask name, and return it by the words of the lines below."""
    project = make_project({"main.py": APP})
    for release in range(3):
        (project / "main.py").write_text(f"{APP}# {release}\n", "utf-8")
        assert cli("deploy", "--project", project, "--yes", "--no-smoke").code == 0
    (project / "main.py").write_text(f"{APP}# not yet\n", "utf-8")
    made = cli.create("x", "--updatable")
    always = cli.json("create", cli.app("a"), "main:app", "--updatable", "--persistent", "--no-smoke", "--no-health")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "password").write_text("correct horse")
    encrypted = ("account", "create", "kept", "--encrypt", "--password-file", tmp_path / "password")
    assert cli(*encrypted).code == 0
    assert cli("account", "create", "plain").code == 0
    several, below = tmp_path / "several", tmp_path / "below"
    for folder in (several, below / "inner"):
        folder.mkdir(parents=True)
        for name in ("one.py", "two.py") if folder is several else ("main.py",):
            (folder / name).write_text("from fastapi import FastAPI\napp = FastAPI()\n")
    (below / "inner" / "requirements.txt").write_text("fastapi\n")
    assert cli("domain", "attach", "old.example.org", made["item_hash"], "--yes").code == 0
    delegate = network.new_account().address
    assert cli("authorization", "add", delegate, "--deploy", "--yes").code == 0
    left = cli.create("left")["item_hash"]
    stranger, user = used_by_a_stranger(network, left)
    assert cli("delete", left, "--yes").code == 10  # its code is used
    mine = cli.account
    cli.use(stranger)
    assert cli("delete", user, "--keep-code", "--yes").code == 0
    cli.use(mine)
    loose = cli.json("file", "upload", cli.app("z") / "main.py", "--yes").result
    return {
        "PROJECT": project,
        "PROGRAM": made["item_hash"],
        "ALWAYS": always.result["item_hash"],
        "LEFT": left,
        "VOLUME": cli.json("volume", "publish", cli.app("y")).result["item_hash"],
        "APP": cli.app("changed"),
        "FILE": cli.app("changed") / "main.py",
        "LOOSE": loose["item_hash"],
        "HASH": loose["file_hash"],
        "DELEGATE": delegate,
        "STRANGER": network.new_account().address,
        "SEVERAL": several,
        "BELOW": below,
    }


NO, YES = False, True
LINES: list[tuple[str, list[object]]] = [
    ("create APP main:app --beta", []),
    ("create APP main:app", [YES]),
    ("create APP main:app", [YES, "/var/x"]),
    ("create APP main:app", [YES, "/var/x", YES]),
    ("create APP main:app", [YES, "/var/x", YES, "ab" * 32]),
    ("create APP main:app", [YES, "/var/x", NO]),
    ("create APP main:app", [YES, "/var/x", NO, "10"]),
    ("create APP main:app", [YES, "/var/x", NO, "10", "name"]),
    ("create APP main:app", [NO]),
    ("create APP main:app", [NO, YES]),
    ("create APP main:app", [NO, YES, "NAME"]),
    ("create APP main:app --beta", [NO, NO]),
    ("create APP main:app --no-smoke", [NO, NO]),
    ("update PROGRAM APP --no-smoke", []),
    ("update PROGRAM APP --internet --replace --no-smoke", []),
    ("update PROGRAM --internet --replace --no-smoke", []),
    ("update PROGRAM APP --beta", []),
    ("persist PROGRAM --no-smoke", []),
    ("unpersist ALWAYS --no-smoke", []),
    ("delete PROGRAM", []),
    ("delete LEFT", []),
    ("delete --project PROJECT", []),
    ("volume delete VOLUME", []),
    ("volume publish FILE", []),
    ("domain attach new.example.org PROGRAM", []),
    ("domain detach old.example.org", []),
    ("deploy --project PROJECT --no-smoke", []),
    ("deploy --all --project PROJECT --no-smoke", []),
    ("rollback --project PROJECT", []),
    ("prune --project PROJECT", []),
    ("file upload FILE", []),
    ("file pin HASH", []),
    ("file forget LOOSE", []),
    ("message forget LOOSE", []),
    ("authorization add STRANGER --deploy", []),
    ("authorization revoke DELEGATE", []),
    ("create APP main:app --account kept --skip-volume --skip-env-var --no-smoke", []),
    ("account create new --encrypt", []),
    ("account import new", []),
    ("account export plain", []),
    ("init SEVERAL", []),
    ("init BELOW", []),
]


def test_ctrl_c_at_each_question_of_each_command(cli, network, words, monkeypatch, tmp_path):
    interrupted = Interrupted(monkeypatch)

    def there() -> dict[str, bytes]:
        """Return the files that anybody would miss or find: projects, and the user's own."""
        roots = (words["PROJECT"], words["SEVERAL"], words["BELOW"], tmp_path / "config")
        files = (file for root in roots for file in root.rglob("*") if file.is_file())
        made_again = (".aleph", "dist")
        return {str(file): file.read_bytes() for file in files if not set(made_again) & set(file.parts)}

    sent, files = network.sent(cli.account.address), there()
    for line, answers in LINES:
        interrupted.answers, interrupted.asked = list(answers), 0
        done = cli(*(words.get(word, word) for word in line.split()))
        assert (line, done.code, interrupted.asked) == (line, 130, len(answers) + 1), done.err
        assert network.sent(cli.account.address) == sent, line
        assert there() == files, line
    met = interrupted.met | questions_of_logs(cli, tmp_path, monkeypatch, interrupted)
    assert questions() - met == set(), "a question that nobody interrupts here"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
def test_ctrl_c_at_each_question_of_each_command_in_a_terminal(cli, network, words):
    from tests.cli.terminal import Terminal

    sent = network.sent(cli.account.address)
    for line, answers in LINES:
        command = [sys.executable, "-m", "hatch_aleph", *(str(words.get(word, word)) for word in line.split())]
        with Terminal(command, cli.folder, dict(os.environ)) as terminal:
            for answer in answers:
                terminal.until_it_asks()
                terminal.shown = ""
                terminal.type({YES: "y", NO: "n"}.get(answer, answer) + "\n")
            asked = terminal.until_it_asks()
            assert (line, terminal.interrupt()) == (line, 130), terminal.shown
        assert network.sent(cli.account.address) == sent, (line, asked)


def questions_of_logs(cli, tmp_path, monkeypatch, interrupted) -> set[str]:
    """Ask for the logs of a program whose host nobody knows: a node without one."""
    node = RunningNode(tmp_path / "node")
    try:
        node.faucet(cli.account.address, credits=10**9)
        monkeypatch.setenv("ALEPH_API_HOST", node.url)
        made = cli.json("create", cli.app(), "main:app", "--no-smoke", "--no-health", "--yes").result["item_hash"]
        interrupted.asked = 0
        assert (cli("logs", made).code, interrupted.asked) == (130, 1)
    finally:
        node.stop()
    return interrupted.met


LOSING = """
import os, signal, threading, time, weakref
import click
from hatch_aleph import cli

class Thing:
    pass

start = threading.Thread.start

def slow(thread):  # as on a machine with other work
    start(thread)
    time.sleep(0.2)

threading.Thread.start = slow

@click.command()
def lose():
    thing = Thing()
    reference = weakref.ref(thing, lambda _: (os.kill(os.getpid(), signal.SIGINT), time.sleep(0.1)))
    del thing
    time.sleep(60)
    print("goes on")

cli.cli = lose
raise SystemExit(cli.run([]))
"""


def test_ctrl_c_is_not_lost_while_python_clears_up():
    done = subprocess.run([sys.executable, "-c", LOSING], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "Interrupted.")
