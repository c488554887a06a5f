"""What commands print, from data that is written down."""

from __future__ import annotations

import importlib
import json

import pytest
from click import unstyle

from hatch_aleph.cli.output import Output, _obeyed, ago
from hatch_aleph.cli.runtime_checker import _words
from hatch_aleph.cli.steps import Steps
from hatch_aleph.cli.tables import columns_of
from hatch_aleph.cli.verify import _difference_lines
from hatch_aleph.deploy.file_differences import Differences, DistributionDifference, FileDifference
from hatch_aleph.deploy.state import Program, Version
from hatch_aleph.programs.live_programs import Part
from hatch_aleph.programs.runtime_check import Checked, Difference

show = importlib.import_module("hatch_aleph.cli.show")


def test_differences_are_told_by_distribution_and_file_and_the_rest_is_counted() -> None:
    found = Differences(
        (
            FileDifference("code", "main.py", "changed", 3, 4, lines=("-a", "+b\x1b[2J")),
            FileDifference("code", "new.py", "added", None, 1),
            FileDifference("code", "old.pyc", "removed", 2, None, sort="bytecode"),
            FileDifference("packages", "lib.py", "changed", 3, 5, distribution="lib"),
        ),
        (DistributionDifference("lib", "1.0", "1.1", 3, 5, 1), DistributionDifference("two", None, "2", None, 9, 2)),
    )
    shown = [unstyle(_obeyed(line)) for line in _difference_lines(found, everything=False)]
    assert shown == [
        "~ lib 1.0 → 1.1  1 file, 3 B → 5 B",
        "+ two 2  2 files, 9 B",
        "~ code: main.py (3 B → 4 B)",
        "-a",
        "+b\\x1b[2J",
        "+ code: new.py (1 B)",
        "Files that are not listed here: 1 of bytecode (--all lists them).",
    ]
    everything = "\n".join(unstyle(_obeyed(line)) for line in _difference_lines(found, everything=True))
    assert "- code: old.pyc (2 B)" in everything
    assert "~ packages: lib.py (3 B → 5 B)" in everything
    assert "not listed" not in everything


@pytest.mark.parametrize(
    ("seconds", "said"), [(1, "1 second ago"), (61, "1 minute ago"), (7200, "2 hours ago"), (200_000, "2 days ago")]
)
def test_times_are_told_in_their_largest_unit(seconds: float, said: str) -> None:
    assert ago(seconds) == said


def test_what_is_gone_and_what_stays_behind_is_said_of_a_part() -> None:
    program = Program("ab" * 32, {"address": "0x1"}, 100.0)
    later = Version("cd" * 32, "ef" * 32, "storage", 200.0)
    assert show._part(Part("code", "ref", None, None, (), follows=True), program) == (
        "  code ref: gone; hosts cannot start the program"
    )
    behind = show._part(Part("/opt/x", "ref", "0x2", 50.0, (later,), follows=False), program)
    assert behind.endswith("stays behind 1 later contents, which the program does not follow, of 0x2")
    assert show._part(Part("code", "ref", "0x1", 50.0, (), follows=True), program).endswith(": as published")


def test_a_runtime_is_as_builds_assume_or_its_differences_are_told() -> None:
    facts = {"python": "3.12", "implementation": "CPython", "installed": {"six": "1.0"}, "path": ["/opt"]}
    assert _words(Checked("ab" * 32, facts, (), ""), verbose=False).endswith("It is as builds assume.")
    other = Difference("Python", "3.11", "3.12", "say so")
    told = _words(Checked("ab" * 32, facts, (other,), ""), verbose=True)
    assert "Installed:    six 1.0" in told
    assert told.count("Other than builds assume: Python") == 1


def test_a_step_that_never_began_has_no_progress_and_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps(Output(as_json=True))
    steps.progress("upload", 1, 2)
    steps.done("upload", file="x")
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"event": "done", "step": "upload", "file": "x", "seconds": 0.0}
    ]
    assert steps.phases == []


@pytest.mark.parametrize(
    ("status", "warned"), [(200, False), (404, True), (503, False)]
)  # 503: a worker's, which lives
def test_only_an_answer_that_leaves_health_open_is_warned_of(
    status: int, warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = Steps(Output(as_json=False))
    steps.step("health", url="http://a.localhost/")
    steps.done("health", url="http://a.localhost/", status=status)
    said = "".join(capsys.readouterr())
    assert f"answers {status}" in said
    assert ("Warning" in said) is warned


def test_wide_and_combining_characters_are_measured_as_terminals_show_them() -> None:
    assert [columns_of(character) for character in ("a", "漢", "\u0301", "\u200b")] == [1, 2, 0, 0]
