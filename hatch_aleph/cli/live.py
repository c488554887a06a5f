"""The last line of a terminal while something works: what is being done, how far, for how long.

It is drawn over itself and erased when it ends; a terminal that cannot erase gets a new one now and then, with dots
between.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.tables import colours, columns_of, terminal_width

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_SECONDS = 0.1  # from one drawing to the next
_DOT_SECONDS = 0.4  # the same where nothing is erased
_DOTS = 10  # in a line
_FREE = 3  # columns: a terminal wraps when its last one is written, and it writes ^C where somebody presses that
_ERASE = "\r\x1b[K"


class LiveLine:
    """Draws one line again and again from a thread of its own, so that no wait looks like an end.

    Args:
        stream: A terminal.
        text: Gives what is to be shown now.
        patience: Seconds without any other output before the line appears: what ends at once needs none.
        moves: Whether the terminal obeys carriage return and erase-to-end, as all do that are not called dumb.
    """

    def __init__(self, stream: TextIO, text: Callable[[], str], *, patience: float = 0.3, moves: bool = True) -> None:
        self.moves = moves
        self._stream = stream
        self._text = text
        self._patience = patience
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._drawn = 0  # times since anything else was written
        self._spoken = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="live line", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Let something else be written, or be asked, with the line out of the way."""
        with self._lock:
            self._erase()
            try:
                yield
            finally:
                self._spoken = time.monotonic()

    def close(self) -> None:
        """Erase it for good."""
        self._ended.set()
        self._thread.join()
        with self._lock:
            self._erase()

    def _run(self) -> None:
        while not self._ended.wait(_SECONDS if self.moves else _DOT_SECONDS):
            # Asked for outside the lock: whoever gives it may hold a lock of its own while it wants to write.
            text = self._text()
            with self._lock:
                if self._drawn or time.monotonic() - self._spoken >= self._patience:
                    self._draw(text)
                    self._drawn += 1

    def _draw(self, text: str) -> None:
        if not self.moves and self._drawn % (_DOTS + 1):
            self._write(".")
            return
        columns = terminal_width() - _FREE
        if self.moves:
            line = cut(f"{_FRAMES[self._drawn % len(_FRAMES)]} {text}", columns)
            self._write(_ERASE + (line if colours() is False else click.style(line, fg="cyan")))
        else:
            self._write("\n" * bool(self._drawn) + cut(text, columns - _DOTS))

    def _erase(self) -> None:
        if self._drawn:
            self._drawn = 0
            self._write(_ERASE if self.moves else "\n")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal may be gone; the work goes on
            self._stream.write(text)
            self._stream.flush()


def cut(line: str, columns: int) -> str:
    """Return a line of which no more is left than fits: wide characters take two columns, combining ones none."""
    if line.isascii():
        return line if len(line) <= columns else f"{line[: columns - 1]}…"
    width = 0
    for place, character in enumerate(line):
        width += columns_of(character)
        if width > columns:
            return f"{line[: place - 1]}…"
    return line


def bar(share: float, width: int = 20) -> str:
    """Return a bar of so many columns, filled to a share from 0 to 1."""
    full = round(min(max(share, 0.0), 1.0) * width)
    return "█" * full + "░" * (width - full)
