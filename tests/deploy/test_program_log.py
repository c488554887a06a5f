"""A host's log is read as what it is: a console that the program writes to as well."""

import json

import pytest

from hatch_aleph.cli.logs import _shown
from hatch_aleph.deploy.program_log import explanation, failure_in, lines_without_a_start, starts_in
from hatch_aleph.guest.entrypoint import START_MARK
from hatch_aleph.guest.failure import FAILURE_MARK
from hatch_aleph.network.hosts import LogLine

FAILED = {"event": "start", "type": "KeyError", "message": "'X'", "file": "main.py", "line": 5, "code": "y = x['X']"}


def console(*texts):
    return [LogLine(f"2026-11-28 10:00:{number:02}", text, "stdout") for number, text in enumerate(texts)]


def test_the_program_s_lines_are_told_start_by_start():
    lines = console(
        "[    0.000000] Linux version 6.1.0",
        "mounting",
        f"{START_MARK}main:app",
        "hello",
        "[    0.000000] Linux version 6.1.0",
        "mounting",
        f"{START_MARK}main:app",
        "again",
    )
    starts = starts_in(lines)
    assert [[line.text for line in start.lines] for start in starts] == [["hello"], ["again"]]
    assert [start.time for start in starts] == ["2026-11-28 10:00:02", "2026-11-28 10:00:06"]
    assert [start.entrypoint for start in starts] == ["main:app"] * 2


def test_a_start_in_which_a_request_failed_has_not_failed():
    of_request = FAILURE_MARK + json.dumps({**FAILED, "event": "GET /raise"})
    starts = starts_in(
        console(f"{START_MARK}main:app", of_request, f"{START_MARK}main:app", FAILURE_MARK + json.dumps(FAILED))
    )
    assert [start.failure for start in starts] == ["", "KeyError: 'X' (while it starts)"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "local host: its process ended before it was ready (exit code 3)",
            "its process ended before it was ready (exit code 3)",
        ),
        (
            "[    2.345678] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300",
            "its process ended (exit code 3)",
        ),
        ("Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b", "its process ended (signal 11)"),
        ("it said: Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300", ""),
        ("local host: stopped, because it was idle", ""),
    ],
)
def test_a_process_that_ends_itself_is_why_its_start_failed(line, reason):
    lines = console(f"{START_MARK}main:app", "no disk", line, "[    2.345679] Rebooting in 1 seconds..")
    assert starts_in(lines)[0].failure == reason
    heading = _shown(lines, everything=False, tail=None, since=None)[0]
    assert f"main:app failed: {reason}" in heading if reason else "failed" not in heading


def test_what_a_program_prints_of_a_kernel_hides_nothing():
    boot = "[    0.000000] Linux version 6.1.0"
    lines = console(boot, f"{START_MARK}main:app", f"dmesg: {boot}", "hello")
    assert [line.text for line in starts_in(lines)[0].lines] == [f"dmesg: {boot}", "hello"]
    assert lines_without_a_start(lines) == 0
    shown = _shown(
        console(boot, f"{START_MARK}main:app", "hello", boot, "tmpfs", "and"), everything=False, tail=None, since=None
    )
    assert "hello" in shown[1]
    assert shown[2].startswith("A machine has booted since, 3 lines")
    made_up = f"{FAILURE_MARK}of mine"
    shown = _shown(
        console(f"{START_MARK}main:app", made_up, f"x{FAILURE_MARK}{json.dumps(FAILED)}"),
        everything=False,
        tail=None,
        since=None,
    )
    assert [made_up in shown[1], shown[2].endswith("}")] == [True, True]


def test_from_a_time_on_the_lines_of_an_earlier_start_are_told_too():
    lines = console(f"{START_MARK}main:app", "one", "two", f"{START_MARK}main:app", "three")
    shown = _shown(lines, everything=False, tail=None, since="2026-11-28T10:00:02")
    assert [text.partition("> ")[2] for text in shown] == ["", "two", "", "three"]
    assert len(_shown(lines, everything=False, tail=None, since="2026-11-28T10:00:03")) == 2


def test_a_log_without_marks_has_no_start():
    assert starts_in(console("[    0.000000] Linux version 6.1.0", "hello")) == []


def test_the_last_failure_is_the_reason():
    lines = ["noise", FAILURE_MARK + json.dumps(FAILED), "more"]
    failure = failure_in(lines)
    assert str(failure) == "KeyError: 'X' (while it starts)\n  main.py, line 5:  y = x['X']"
    text = explanation(lines, "`hatch-aleph logs`")
    assert "main.py, line 5" in text
    assert "The whole log: `hatch-aleph logs`" in text
    assert "noise" not in text


def test_without_a_failure_the_last_lines_are_told():
    told = explanation([f"line {number}" for number in range(30)], "x").splitlines()[1:]
    assert told == [*(f"  line {number}" for number in range(10, 30)), "  The whole log: x"]


def test_an_earlier_start_is_not_the_reason():
    earlier = [
        f"{START_MARK}main:app",
        FAILURE_MARK + json.dumps(FAILED),
        "local host: started",
        f"{START_MARK}main:app",
    ]
    assert explanation([*earlier, "killed"], "") == "\n  killed"


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", '{"event": 1, "line": "x"}', '{"line": [], "event": "a"}'])
def test_what_a_program_makes_up_is_passed_over(text):
    assert failure_in([FAILURE_MARK + text]) is None
    assert failure_in([FAILURE_MARK + json.dumps(FAILED), FAILURE_MARK + text]) is not None
