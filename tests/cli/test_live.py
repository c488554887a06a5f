"""What a command says while it works: a last line that moves on a terminal, lines in a pipe, events for machines."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import click
import pytest

from hatch_aleph.cli import LazyGroup
from hatch_aleph.cli.context import with_context
from hatch_aleph.cli.live import LiveLine, bar, cut
from hatch_aleph.cli.output import Output
from hatch_aleph.cli.steps import Steps
from hatch_aleph.commands import COMMANDS
from hatch_aleph.errors import NetworkError


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def leaves():
    """Yield each command with the words that call it, as the parser knows them."""
    group = LazyGroup("all")

    def below(command, words):
        if isinstance(command, click.Group):
            for name, each in command.commands.items():
                yield from below(each, f"{words} {name}")
        else:
            yield words, command

    for name in COMMANDS:
        yield from below(group.get_command(click.Context(group), name), name)


def test_every_command_works_under_a_last_line():
    for words, command in leaves():
        assert getattr(command.callback, "shows_work", False), words


ADDRESS = "0x" + "1" * 40
HASH = "ab" * 32
# Every command that asks a node or an index, by what it is called with.
ASKING = {
    words: arguments.split()
    for arguments, commands in (
        ("", "build, lock, plan, deploy, verify, diff, serve, status, history, rollback, prune, pricing"),
        (HASH, "show, open, logs, restart, stop, delete, persist, unpersist, runtime-checker, run"),
        (HASH, "volume show, volume delete, message get, message forget, file pin, file forget"),
        (ADDRESS, "volume list, credits history, account balance, domain list, faucet"),
        (f"{ADDRESS} --deploy", "authorization add"),
        (ADDRESS, "authorization revoke"),
        (f"--address {ADDRESS}", "list, file list, message list, authorization list"),
        ("main.py", "file upload, volume publish"),
        ("shop.example.org", "domain detach, domain check"),
        (f"shop.example.org {HASH}", "domain attach"),
        (f"{HASH} --to file", "file get"),
        (f"{HASH} .", "update"),
        (". main:app --skip-volume --skip-env-var --yes", "create"),
    )
    for words in commands.split(", ")
}
SAME = {"upload", "persistent", "unpersistent"}  # as another of them
# Beside these `report`, which needs something built, and asks what `status` asks.
AT_ONCE = {
    "init", "inspect", "completions", "account create", "account import", "account list", "account use",
    "account export", "account show", "alias add", "alias list", "alias remove", "node add", "node use", "node list",
    "node remove", "cache show", "cache prune", "cache clear",
}  # fmt: skip


def test_every_command_that_asks_is_asked():
    commands = dict(leaves())
    assert set(commands) == {*ASKING, *SAME, *AT_ONCE, "report"}
    asks = {words for words, command in commands.items() if "nodes" in {each.name for each in command.params}}
    assert asks == {*ASKING, *SAME, "report"} - {"build", "lock"}


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_a_node_that_never_answers_leaves_no_silence(tmp_path):
    """Nor does an index. Every second command has a terminal that cannot erase."""
    key = tmp_path / "key"  # without one some end at once, and say so
    key.write_bytes(os.urandom(32))
    key.chmod(0o600)
    project = tmp_path / "project"
    project.mkdir()
    (project / "main.py").write_text("app = None\n")
    (project / "pyproject.toml").write_text(
        "[project]\nname = 'shop'\nversion = '1'\ndependencies = ['requests']\n[tool.aleph]\nentrypoint = 'main:app'\n"
    )
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        environment = {
            **os.environ,
            "HATCH_ALEPH_CONFIG": str(tmp_path / "preferences"),
            "HATCH_ALEPH_CACHE": str(tmp_path / "cache"),
            "UV_CACHE_DIR": str(tmp_path / "uv"),
            "UV_DEFAULT_INDEX": f"{url}/simple",
            "ALEPH_PRIVATE_KEY_FILE": str(key),
            "ALEPH_API_HOST": url,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("many_terminals.py"))],
            input=json.dumps([[*words.split(), *arguments] for words, arguments in ASKING.items()]),
            env=environment,
            cwd=tmp_path,
            text=True,
            capture_output=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_a_locale_without_our_signs_gets_them_spelt_out(encoding):
    code = (
        "import sys; from hatch_aleph.cli.output import Output, encode_all; encode_all();"
        "Output(as_json=False).say('a… → █░ é'); Output(as_json=True).notice('…é\\U0001f600')"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=True
    )
    line, as_json = told.stdout.decode(encoding.replace("ascii", "utf-8")).splitlines()
    assert line == {"latin-1": "a... -> #. é", "cp1252": "a… -> #. é"}.get(encoding, "a… → █░ é")
    assert json.loads(as_json)["text"] == "…é\U0001f600"


def test_the_line_is_gone_when_something_else_is_said():
    stream = io.StringIO()
    line = LiveLine(stream, lambda: "working", patience=0.0)
    deadline = time.monotonic() + 30
    while "working" not in stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    with line.aside():
        stream.write("said\n")
    line.close()
    assert "working" in stream.getvalue()
    assert re.search(r"\r\x1b\[Ksaid\n", stream.getvalue())
    assert stream.getvalue().endswith(("\r\x1b[K", "said\n"))


def test_a_full_line_leaves_room_for_what_ctrl_c_writes(monkeypatch):
    """A terminal shows ^C where it is pressed: were that to wrap, the row before would never be erased."""
    monkeypatch.setenv("COLUMNS", "40")
    stream = io.StringIO()
    line = LiveLine(stream, lambda: "w" * 100, patience=0.0)
    deadline = time.monotonic() + 30
    while "w" not in stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    line.close()
    drawn = click.unstyle(stream.getvalue()).lstrip("\r").partition("\r")[0]
    assert drawn.endswith("w…")
    assert len(drawn) + len("^C") < 40


def test_a_terminal_that_cannot_erase_gets_dots(monkeypatch):
    monkeypatch.setattr("hatch_aleph.cli.live._DOT_SECONDS", 0.001)
    stream = io.StringIO()
    line = LiveLine(stream, lambda: "working", patience=0.0, moves=False)
    deadline = time.monotonic() + 30
    while stream.getvalue().count("working") < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    with line.aside():
        stream.write("said\n")
    line.close()
    assert re.fullmatch(r"(working\.{10}\n){2,}working\.{0,10}\nsaid\n(working\.{0,10}\n)*", stream.getvalue())


def test_whoever_gives_the_line_may_be_about_to_speak():
    """Steps are told under a lock that the text of the line needs, too."""
    asked, lock = threading.Event(), threading.Lock()

    def text():
        asked.set()
        with lock:
            return "working"

    def speak():
        with line.aside():
            pass

    with lock:
        line = LiveLine(io.StringIO(), text, patience=0.0)
        assert asked.wait(30)
        speaker = threading.Thread(target=speak, daemon=True)
        speaker.start()
        speaker.join(5)
        assert not speaker.is_alive()
    line.close()


@pytest.mark.parametrize(("text", "columns", "shown"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("漢字漢字", 5, "漢…")])
def test_lines_are_cut_by_columns(text, columns, shown):
    assert cut(text, columns) == shown


def test_bars_keep_their_width():
    assert [bar(share, 4) for share in (-1, 0, 0.5, 1, 9)] == ["░░░░", "░░░░", "██░░", "████", "████"]


def test_a_rate_is_that_of_the_last_seconds(monkeypatch):
    clock = Clock()
    steps = Steps(Output(as_json=False), monotonic=clock)
    steps.step("upload", file="big.squashfs")
    for second in range(1, 11):  # ten seconds of 1 MiB/s, then ten of nothing
        clock.now = float(second)
        steps.progress("upload", second << 20, 40 << 20)
    assert "25% 10.0 of 40.0 MiB, 1.0 MiB/s, 30.0 s left" in steps._activity()
    clock.now = 20.0
    assert "0.0 MiB/s" in steps._activity()
    assert "25% of 40.0 MiB: the next run sends all of it again" in (steps.unfinished_upload() or "")


@pytest.mark.parametrize("end", [NetworkError("The node is gone"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_whatever_ends_an_upload_says_what_is_sent_again(end, capsys):
    @click.command()
    @with_context()
    def command(context):
        context.steps.step("upload", file="big.squashfs")
        context.steps.progress("upload", 10 << 20, 40 << 20)
        raise end

    with pytest.raises((NetworkError, click.Abort)):
        command.main([], standalone_mode=False)
    told = "big.squashfs had gone up to 25% of 40.0 MiB: the next run sends all of it again.\n"
    assert told in capsys.readouterr().err


def test_each_phase_says_how_far_it_is():
    clock = Clock()
    steps = Steps(Output(as_json=False), monotonic=clock)
    for name, done, total, shown in (
        ("fetch", 10 << 20, 40 << 20, r"^Fetching █+░+ 10\.0 of 40\.0 MiB 2\.0 s$"),
        ("pack", 30, 40, r"^Compiling and packing █+░+ 75% 2\.0 s$"),
    ):
        steps.step(name, count=3)
        clock.now += 2.0
        steps.progress(name, done, total)
        assert re.search(shown, steps._activity()), steps._activity()
        steps.done(name, count=3, size=total, heaviest="x")


@pytest.mark.parametrize("columns", [60, 70, 80, 100, 200])
def test_how_far_an_upload_is_fits_into_the_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    clock = Clock()
    steps = Steps(Output(as_json=False), monotonic=clock)
    steps.step("upload", file="a-project-with-a-long-name-1.0.0-packages.squashfs")
    for second in range(1, 5):
        clock.now = float(second)
        steps.progress("upload", second * 10 << 20, 700 << 20)
    line = steps._activity()
    assert line.endswith("6% 40.0 of 700.0 MiB, 10.0 MiB/s, 1 min 6 s left")
    assert "░" in line
    assert len(line) <= columns - 5  # a sign that turns, a gap, and what stays free


@pytest.mark.parametrize("columns", [70, 100])
def test_what_has_answered_last_fits_into_the_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    steps = Steps(Output(as_json=False), monotonic=Clock())
    steps.step("health", url=f"https://{'a' * 52}.aleph.sh/")
    steps.heard("health", "it answers 500 (expected any status below 500)")
    assert "last: it answers 500" in steps._activity()[: columns - 3]


def test_machines_get_events(capsys):
    clock = Clock()
    steps = Steps(Output(as_json=True), monotonic=clock)
    steps.step("pack")
    for part in range(100):
        clock.now += 0.1
        steps.progress("pack", part + 1, 100)
    steps.heard("pack", "nothing")
    steps.done("pack", count=3, size=1, heaviest="x")
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["event"] for event in events} == {"step", "progress", "heard", "done"}
    assert 8 <= sum(event["event"] == "progress" for event in events) <= 12  # one a second
    assert events[-1]["seconds"] == 10.0


def test_a_pipe_gets_lines(capsys):
    clock = Clock()
    steps = Steps(Output(as_json=False), monotonic=clock)
    steps.step("build")
    steps.step("resolve")
    clock.now = 2.0
    steps.done("resolve", count=3)
    steps.done("build", unchanged=False)
    steps.step("health", url="http://x")
    for answer in ("503", "503", "\x1b[31m500"):
        steps.heard("health", answer)
    clock.now = 4.0
    steps.done("health", url="http://x", status=200)
    assert capsys.readouterr().err.splitlines() == [
        "Resolved 3 distributions in 2.0 s",
        "Built in 2.0 s",
        "Waiting for an answer of http://x",
        "  503",
        r"  \x1b[31m500",
        "The program answers 200 after 2.0 s",
    ]
    assert steps.spent_text() == "first answer 2.0 s, build 2.0 s"
