"""What the host keeps in memory is bounded, and what programs send back is taken for no more than it is."""

from __future__ import annotations

import time
from pathlib import Path

import msgpack
import pytest

from hatch_aleph.local.host import ProgramSpec, host_answers, request_log
from hatch_aleph.local.host.console import LONGEST_LINE, Console, LogLine
from hatch_aleph.local.host.program_specs import interface_of
from hatch_aleph.local.host.spec import Answer

SPEC = ProgramSpec(code=Path("code.squashfs"), entrypoint="main:app", item_hash="ab" * 32, code_ref="cd" * 32)


def test_requests_of_the_programs_asked_last_are_kept() -> None:
    log = request_log.RequestLog()
    for number in range(request_log._PROGRAMS + 2):
        log.note(str(number), "GET", "/", Answer(200, (), b""))
    log.note("2", "GET", "/again", Answer(200, (), b""))
    log.note("new", "GET", "/", Answer(200, (), b""))
    assert len(log.programs) == request_log._PROGRAMS
    assert [each["target"] for each in log.to_json("2")] == ["/again", "/"]
    assert log.to_json("0") == log.to_json("3") == []


def test_a_failed_request_shows_what_was_raised_meanwhile_and_nothing_older() -> None:
    log, console = request_log.RequestLog(), Console()
    console.lines.append(LogLine(time.time() - 30, "ValueError: of before"))
    console.say("an ordinary line")
    for answer, shown in (
        (Answer(500, (), b""), ""),
        (Answer(500, (), b"", seconds=60.0), "ValueError: of before"),
        (Answer(500, (), b"", detail="Traceback\nKeyError: 1"), "KeyError: 1"),
    ):
        log.note("a", "GET", "/", answer, console=console)
        assert log.to_json("a")[0]["exception"] == shown
    log.note("a", "GET", "/", Answer(500, (), b""))
    assert log.of("a").failed == 4


def test_a_line_without_end_is_shown_in_pieces() -> None:
    shown: list[str] = []
    console = Console(shown.append)
    console.feed(b"x" * (LONGEST_LINE + 1))
    console.feed(b"y\n")
    assert len(shown) == len(console.lines) == 2
    assert shown[1] == "y"


@pytest.mark.parametrize(
    ("raw", "status", "reason"),
    [
        (b"", 502, "No response from VM"),
        (b"\xc1", 502, "Invalid response from VM"),
        (msgpack.dumps({"traceback": "Traceback\nValueError: x"}), 500, "Error in VM execution"),
        (msgpack.dumps({"headers": {"status": "none", "headers": []}, "body": {"body": b""}}), 500, None),
        (msgpack.dumps(5), 500, None),
    ],
)
def test_what_is_no_answer_is_a_failure(raw: bytes, status: int, reason: str | None) -> None:
    answer = host_answers.of_result(raw, SPEC)
    assert answer.status == status
    assert reason in (None, answer.reason)


def test_the_interface_is_what_the_message_says_else_by_the_colon() -> None:
    said = [
        interface_of({"entrypoint": entrypoint, "interface": interface})
        for entrypoint, interface in (("main:app", "binary"), ("run.sh", "asgi"), ("main:app", None), ("run.sh", None))
    ]
    assert said == ["executable", "asgi", "asgi", "executable"]
