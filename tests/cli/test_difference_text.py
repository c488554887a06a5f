"""What `diff` and times say, from data that is written down."""

from __future__ import annotations

import pytest
from click import unstyle

from hatch_aleph.cli.output import _obeyed, ago
from hatch_aleph.cli.verify import _difference_lines
from hatch_aleph.deploy.file_differences import Differences, DistributionDifference, FileDifference


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
