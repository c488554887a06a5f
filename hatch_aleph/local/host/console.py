"""What a machine prints: kept in a bounded buffer and passed on line by line."""

from __future__ import annotations

import itertools
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Lines and characters of one machine that are kept, and characters of one line.
KEPT_LINES = 10_000
KEPT_CHARACTERS = 4_000_000
LONGEST_LINE = 10_000


@dataclass(frozen=True)
class LogLine:
    """One line, with the second since the epoch at which it came."""

    at: float
    text: str


class Console:
    """Collects the bytes of a machine's terminal into lines."""

    def __init__(self, on_line: Callable[[str], None] | None = None) -> None:
        self.lines: deque[LogLine] = deque()
        self._kept = 0
        self._on_line = on_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take what was printed; a line counts when it ends, or when it gets too long."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._take(line)
        if len(self._rest) > LONGEST_LINE:
            self.flush()

    def flush(self) -> None:
        """Take a last line that has no end."""
        if self._rest:
            self._take(self._rest)
            self._rest = b""

    def say(self, text: str) -> None:
        """Add a line of the host's own."""
        self._take(text.encode())

    def since(self, at: float) -> list[LogLine]:
        """Return the lines that came after a moment, oldest first."""
        newest = list(itertools.takewhile(lambda line: line.at > at, reversed(self.lines)))
        return newest[::-1]

    def tail(self, count: int = 20) -> str:
        """Return the last lines as one text."""
        return "\n".join(line.text for line in list(self.lines)[-count:])

    def _take(self, raw: bytes) -> None:
        text = raw.rstrip(b"\r").decode("utf-8", "replace")[:LONGEST_LINE]
        self.lines.append(LogLine(time.time(), text))
        self._kept += len(text)
        while len(self.lines) > KEPT_LINES or self._kept > KEPT_CHARACTERS:
            self._kept -= len(self.lines.popleft().text)
        if self._on_line:
            self._on_line(text)
