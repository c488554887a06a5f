"""Whoever is told how far long work is: a line that moves on a terminal, plain lines in a pipe, JSON events."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The steps of a build, by name: while it goes on, when it is over; None for nothing unless it took long.
BUILD_STEPS = {
    "build": ("Building", "Built in {time}"),
    "interpreter": ("Looking for CPython {python}", None),
    "wheel": ("Building the project's wheel", None),
    "resolve": ("Resolving", "Resolved {count} distribution{s} in {time}"),
    "fetch": ("Fetching", "Fetched {count} distribution{s}, {size}, in {time}"),
    "pack": ("Compiling and packing", "Packed {count} distribution{s}, {size}, in {time}; heaviest: {heaviest}"),
}
UNCHANGED = "Unchanged ({time})"
MIB = 1 << 20


class Observer:
    """Receives the steps of a build or a deployment, possibly from several threads; several may run at once.

    This one tells nobody; others override what they tell.
    """

    def step(self, name: str, **facts: object) -> None:
        """A step begins, such as ``resolve``, ``fetch``, ``pack``, ``upload``, ``publish``, ``wait``, ``health``."""

    def progress(self, name: str, done: int, total: int) -> None:
        """So much of a step is done: bytes of ``fetch`` and ``upload``, files of ``pack``."""

    def heard(self, name: str, text: str) -> None:
        """A step that waits has seen this last: an answer, a reason."""

    def done(self, name: str, **facts: object) -> None:
        """A step has ended well."""


class Lines(Observer):
    """Tells the steps of a build in lines, where no line can be drawn again.

    Args:
        waiting: Gets what begins.
        ended: Gets what is over, with its time.
    """

    def __init__(self, waiting: Callable[[str], object], ended: Callable[[str], object]) -> None:
        self._waiting, self._ended = waiting, ended
        self._began: dict[str, float] = {}

    def step(self, name: str, **facts: object) -> None:
        """Say what begins; the whole build needs no word of its own."""
        self._began.setdefault(name, time.monotonic())
        if name in BUILD_STEPS and name != "build":
            self._waiting(filled(BUILD_STEPS[name][0], facts))

    def done(self, name: str, **facts: object) -> None:
        """Say what is over, and what came of it."""
        seconds = time.monotonic() - self._began.pop(name, time.monotonic())
        text = UNCHANGED if facts.get("unchanged") else BUILD_STEPS.get(name, ("", None))[1]
        if text:
            size = facts.get("size")
            known = {**facts, "size": size_text(size)} if isinstance(size, int) else facts
            self._ended(filled(text, {**known, "time": seconds_text(seconds)}))


def filled(text: str, facts: Mapping[str, object]) -> str:
    """Return a step's text with its facts, which others may have written; ``{s}`` is the plural of ``{count}``."""
    shown = {key: printable(str(value)) for key, value in facts.items()}
    return text.format_map({**shown, "s": "" if shown.get("count") == "1" else "s"})


def seconds_text(seconds: float) -> str:
    """Return a duration: ``0.3 s``, ``1 min 12 s``."""
    if seconds < 0.01:  # noqa: PLR2004 - below what anybody sees
        return "0.0 s"
    if seconds < 0.1:  # noqa: PLR2004 - one digit
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"  # noqa: PLR2004


def size_text(size: float) -> str:
    """Return bytes as people read them: ``20.8 MiB``, ``105 KiB``, ``12 B``.

    In the one unit of all output: the network counts its limits, memory and volumes by 1024 too.
    """
    if size >= MIB:
        return f"{size / MIB:,.1f} MiB"
    return f"{size / 1024:.0f} KiB" if size >= 1024 else f"{size:.0f} B"  # noqa: PLR2004 - a KiB
