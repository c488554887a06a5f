"""The last line of a terminal while something works: what is being done, how far, for how long. Erased when it ends."""

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
_ERASE = "\r\x1b[K"


class LiveLine:
    """Draws one line again and again from a thread of its own, so that no wait looks like an end.

    Args:
        stream: A terminal that obeys carriage return and erase-to-end.
        text: Gives what is to be shown now.
        patience: Seconds without any other output before the line appears: what ends at once needs none.
    """

    def __init__(self, stream: TextIO, text: Callable[[], str], *, patience: float = 0.3) -> None:
        self._stream = stream
        self._text = text
        self._patience = patience
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._drawn = False
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
        frame = 0
        while not self._ended.wait(_SECONDS):
            with self._lock:
                if self._drawn or time.monotonic() - self._spoken >= self._patience:
                    frame += 1
                    self._draw(_FRAMES[frame % len(_FRAMES)])

    def _draw(self, frame: str) -> None:
        # One column is left free: a terminal wraps when its last one is written.
        line = cut(f"{frame} {self._text()}", terminal_width() - 1)
        self._drawn = True
        self._write(_ERASE + (line if colours() is False else click.style(line, fg="cyan")))

    def _erase(self) -> None:
        if self._drawn:
            self._drawn = False
            self._write(_ERASE)

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
