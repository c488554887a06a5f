from __future__ import annotations

import dataclasses
import importlib
import json

import pytest

from hatch_aleph.cli.context import Context
from hatch_aleph.cli.output import Output
from hatch_aleph.errors import NetworkError
from hatch_aleph.network.hosts import LogLine
from tests.programs.rig import ask

logs = importlib.import_module("hatch_aleph.cli.logs")


def test_logs_of_a_program(cli, network):
    made = cli.create("hello")
    assert cli.json("logs", made["item_hash"]).error["exit_code"] == 9
    ask(made["urls"][0] + "/seen")
    told = cli("logs", made["item_hash"], "--domain", network.url).out
    assert "> was asked for /seen" in told
    lines = cli.json("logs", made["item_hash"]).result["lines"]
    assert any(line["text"] == "was asked for /seen" for line in lines)


def test_the_program_s_lines_stand_apart_from_the_machine_s(cli, network):
    made = cli.create()
    ask(made["urls"][0] + "/seen")
    options = (made["item_hash"], "--domain", network.url)
    told = cli("logs", *options).out.splitlines()
    assert told[0].startswith("--- ")
    assert told[0].endswith("main:app")
    whole = cli("logs", *options, "--all").out.splitlines()
    assert len(whole) > len(told)
    assert cli("logs", *options, "--tail", "1").out.splitlines() == told[-1:]
    assert "printed nothing" in cli("logs", *options, "--since", "2999").out
    today = whole[0][:10]  # hosts write a space where ISO 8601 has a T
    for moment in (today, f"{today}T00", f"{today} 00:00", f"{today}T00:00:00Z", "2d"):
        assert cli("logs", *options, "--since", moment).out.splitlines() == told
    listed = cli.json("logs", *options).result["lines"]
    assert cli.json("logs", *options, "--tail", "2").result["lines"] == listed[-2:]
    for typo in ("xyz", "1990-33-77", "10x", "-5m"):
        assert cli("logs", *options, "--since", typo).code == 64


class _EndError(Exception):
    """What ends a test's following, as Ctrl-C does somebody's."""


def test_following_since_a_moment_repeats_nothing(capsys, monkeypatch):
    log = [LogLine(f"2026-11-28 10:0{minute}:00+00:00", str(minute), "stdout") for minute in range(4)]
    answers = iter([log, *[[*log, LogLine("2026-11-28 10:05:00+00:00", "new", "stdout")]] * 2])
    monkeypatch.setattr(logs, "_POLL_SECONDS", 0)
    with pytest.raises(StopIteration):
        logs._follow(Context(Output(as_json=False)), lambda: next(answers), log[2:], "2026-11-28T10:02:00")
    assert [line.partition("> ")[2] for line in capsys.readouterr().out.splitlines()] == ["new"]


def test_following_goes_on_over_a_host_that_restarts(capsys, monkeypatch):
    def log(*texts):
        return [LogLine(f"2026-11-28T10:00:{number:02}", text, "stdout") for number, text in enumerate(texts)]

    away = NetworkError("The host is out of reach")
    answers = iter([log("one", "two"), away, away, log("first of the new", "second", "third"), _EndError()])

    def read():
        said = next(answers)
        if isinstance(said, Exception):
            raise said
        return said

    monkeypatch.setattr(logs, "_POLL_SECONDS", 0)
    with pytest.raises(_EndError):
        logs._follow(Context(Output(as_json=False)), read, log("one"), None)
    shown = capsys.readouterr()
    assert [line.partition("> ")[2] for line in shown.out.splitlines()] == [
        "two",
        "first of the new",
        "second",
        "third",
    ]
    assert shown.err.count("waiting for it to come back") == 1
    assert shown.err.count("answers again") == 1


def test_following_as_json_is_an_event_a_line(capsys, monkeypatch):
    new = LogLine("2026-11-28T10:00:01", "new", "stdout")
    answers = iter([[new]])
    monkeypatch.setattr(logs, "_POLL_SECONDS", 0)
    with pytest.raises(StopIteration):
        logs._follow(Context(Output(as_json=True)), lambda: next(answers), [], None)
    (event,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert event == {"event": "line", **dataclasses.asdict(new)}
