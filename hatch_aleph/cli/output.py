"""What a command tells: results on stdout, everything else on stderr; JSON lines for machines."""

from __future__ import annotations

import codecs
import contextlib
import datetime as dt
import io
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.tables import colours, folded, terminal_width
from hatch_aleph.observer import seconds_text
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import ClassVar, TextIO

    from hatch_aleph.cli.live import LiveLine
    from hatch_aleph.errors import HatchAlephError

# What stands for this tool's own signs where the encoding of a terminal or pipe has none of them.
_SPELT = {"…": "...", "→": "->", "—": "-", "·": "-", "█": "#", "░": ".", **dict.fromkeys("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "*")}

# Stands for the escape character in this tool's own colours: nobody else can write it.
_OURS = f"\x00{os.urandom(8).hex()}"


class Output:
    """Where a command's words go.

    With ``--json`` stdout carries one JSON object a line: ``{"event": "notice"|"result"|"error", ...}``; without it,
    text for people, coloured only on a terminal. On a terminal a last line says what is being done until the next word.

    Attributes:
        as_json: Whether machines read it.
        activity: Gives what is being done now, for that last line.
        unfinished: Gives what the next run has to do again if this one ends now; None when that is nothing.

    Args:
        as_json: Whether machines read it.
        beside: Another that writes to the same terminal, and whose last line is to be kept out of the way.
    """

    lines: ClassVar[TextIO | None] = None  # where JSON goes, once nobody else can write there

    def __init__(self, *, as_json: bool, beside: Output | None = None) -> None:
        self.as_json = as_json
        self.activity: Callable[[], str] = lambda: f"Working {seconds_text(time.monotonic() - self._since)}"
        self.unfinished: Callable[[], str | None] = lambda: None
        self._since = time.monotonic()
        self._live: LiveLine | None = beside._live if beside else None  # noqa: SLF001 - of this class

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Say on a terminal that something is being done, as long as it is; an error or Ctrl-C ends that first."""
        if not self.as_json and sys.stderr.isatty():
            from hatch_aleph.cli.live import LiveLine

            moves = os.environ.get("TERM") != "dumb"
            self._live = LiveLine(sys.stderr, lambda: self.activity(), moves=moves)  # noqa: PLW0108 - it changes
        try:
            yield
        finally:
            self.rest()

    def rest(self) -> None:
        """Take the last line away: what comes now, a server or others' words, speaks for itself."""
        if self._live is not None:
            self._live.close()
            self._live = None

    @property
    def is_live(self) -> bool:
        """Whether a last line is kept, so that what is being done needs no line of its own."""
        return self._live is not None

    def doing(self, what: str) -> None:
        """Name what is being done while no step of its own says it."""
        self._since = time.monotonic()
        self.activity = lambda: f"{what} {seconds_text(time.monotonic() - self._since)}"

    def aside(self) -> contextlib.AbstractContextManager[None]:
        """Let somebody write to the terminal, or ask there."""
        return self._live.aside() if self._live is not None else contextlib.nullcontext()

    def say(self, text: str = "", *, err: bool = False, fold: bool = True) -> None:
        """Write a line for people; of what a terminal obeys only colours and line feeds pass.

        Args:
            text: What to write.
            err: Whether to stderr.
            fold: Whether a terminal gets it folded between words; what a program has printed stays as it is.
        """
        text = _obeyed(text)
        with self.aside():
            click.echo(_fitted(text, sys.stderr if err else sys.stdout) if fold else text, err=err)

    def notice(self, text: str) -> None:
        """Tell something in passing."""
        if self.as_json:
            self._line({"event": "notice", "text": text})
        else:
            self.say(text, err=True)

    @staticmethod
    def fitted(question: str) -> str:
        """Return a question as the terminal shows it that it is asked on, with room for what may be answered."""
        before, line, last = question.rpartition("\n")
        return _fitted(before + line, sys.stderr) + _fitted(last, sys.stderr, less=len(" [y/N]: y"))

    def retry(self, text: str) -> None:
        """Tell what is tried again: on a terminal the last line says it until something else is done."""
        if self._live is None or not self._live.moves:
            self.notice(text)
            return
        before = self.activity
        until = time.monotonic() + 3.0
        self.activity = lambda: text if time.monotonic() < until else before()

    def event(self, name: str, **fields: Any) -> None:
        """Tell machines about a step; people see it as a notice of their own."""
        if self.as_json:
            self._line({"event": name, **fields})

    def result(
        self, fields: dict[str, Any], text: str | Callable[[], str | None] | None = None, *, fold: bool = True
    ) -> None:
        """Give the result of the command: fields for machines, text for people, of which ``fold`` as in :meth:`say`."""
        if self.as_json:
            self._line({"event": "result", **fields})
            return
        shown = text() if callable(text) else text
        if shown is not None:
            self.say(shown, fold=fold)

    def failure(self, error: HatchAlephError) -> int:
        """Tell an error and return its exit code."""
        if self.as_json:
            code = getattr(error, "code", None)
            self._line(
                {
                    "event": "error",
                    "kind": type(error).__name__,
                    "message": error.message,
                    "where": error.where,
                    "hint": error.hint,
                    "exit_code": error.exit_code,
                    "help": error.help_url,
                    **({"code": code} if code is not None else {}),
                }
            )
        else:
            with self.aside():
                told = click.style("Error: ", fg="red", bold=True) + _obeyed(error.with_help)
                click.echo(_fitted(told, sys.stderr), err=True, color=colours())
        return error.exit_code

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table for people (``tables.show_table``), if it has rows; with ``--json`` the result carries them."""
        rows = list(rows)
        if self.as_json or not rows:
            return
        from hatch_aleph.cli.tables import show_table

        with self.aside():
            show_table(title, columns, rows)

    @staticmethod
    def _line(fields: dict[str, Any]) -> None:
        stream = Output.lines or sys.stdout
        unicode = (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")
        click.echo(json.dumps(fields, ensure_ascii=not unicode, default=str), file=stream)


def keep_stdout() -> None:
    """Keep stdout for JSON lines: what build hooks, plugins and what they start print there goes to stderr."""
    with contextlib.suppress(OSError, ValueError):  # no stderr, or a test's stdout
        if sys.stdout and sys.stdout.fileno() == 1:
            Output.lines = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)
            os.dup2(2, 1)
            if isinstance(sys.stdout, io.TextIOWrapper):  # as stderr is: in the order of what others write there
                sys.stdout.reconfigure(line_buffering=True)


def encode_all() -> None:
    """Let everything be printed, whatever the locale: what its encoding lacks is spelt out, or escaped.

    ASCII means that no locale is set: that is UTF-8, as Python and click have it as well.
    """
    codecs.register_error("spelt", _spelt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            none = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding="utf-8" if none else None, errors="spelt")


def _spelt(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 - nothing is decoded so
    lost = error.object[error.start : error.end]
    told = "".join(_SPELT.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in lost)
    return told, error.end


def style(text: str, **how: Any) -> str:
    """Return a text in the colours of :func:`click.style`, for :meth:`Output.say` alone, which lets no others pass."""
    return click.style(printable(text, keep="\n\t"), **how).replace("\x1b", _OURS)


def _obeyed(text: str) -> str:
    """Return a text of which a terminal obeys no more than this tool's own colours: no caller need think of it."""
    return text if text.isprintable() else "\x1b".join(printable(part, keep="\n\t") for part in text.split(_OURS))


def _fitted(text: str, stream: TextIO, *, less: int = 0) -> str:
    """Return a text as its stream shows it: a terminal would break words at its edge, and no other has one."""
    is_told = stream.isatty() and os.environ.get("TERM") != "dumb"
    return folded(text, terminal_width() - less) if is_told else text


def moment(time: float) -> str:
    """Return a time in seconds since 1970 as people read it."""
    return f"{dt.datetime.fromtimestamp(time, dt.timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def ago(seconds: float) -> str:
    """Return how long something is past: ``3 minutes ago``."""
    count, unit = _largest_unit(seconds)
    return f"{count:,} {unit}{'s' if count > 1 else ''} ago" if count else "just now"


def age(seconds: float) -> str:
    """Return how old something is in few characters: ``3 min``."""
    count, unit = _largest_unit(seconds)
    return f"{count:,} {'min' if unit == 'minute' else unit[0]}"


def _largest_unit(seconds: float) -> tuple[int, str]:
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return int(seconds // size), unit
    return max(int(seconds), 0), "second"
