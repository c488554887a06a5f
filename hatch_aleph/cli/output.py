"""What a command tells: results on stdout, everything else on stderr; JSON lines for machines."""

from __future__ import annotations

import datetime as dt
import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.tables import colours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hatch_aleph.errors import HatchAlephError


class Output:
    """Where a command's words go.

    With ``--json`` stdout carries one JSON object a line: ``{"event": "notice"|"result"|"error", ...}``; without it,
    text for people, coloured only on a terminal.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def notice(self, text: str) -> None:
        """Tell something in passing."""
        if self.as_json:
            self._line({"event": "notice", "text": text})
        else:
            click.echo(text, err=True)

    def event(self, name: str, **fields: Any) -> None:
        """Tell machines about a step; people see it as a notice of their own."""
        if self.as_json:
            self._line({"event": name, **fields})

    def result(self, fields: dict[str, Any], text: str | Callable[[], str | None] | None = None) -> None:
        """Give the result of the command: fields for machines, text for people."""
        if self.as_json:
            self._line({"event": "result", **fields})
            return
        shown = text() if callable(text) else text
        if shown is not None:
            click.echo(shown)

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
            click.echo(click.style("Error: ", fg="red", bold=True) + error.with_help, err=True, color=colours())
        return error.exit_code

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table for people (``tables.show_table``); nothing with ``--json``, whose result carries the same."""
        if self.as_json:
            return
        from hatch_aleph.cli.tables import show_table

        show_table(title, columns, rows)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """Give a function that takes how many more bytes are done; a bar shows on a terminal only."""
        if self.as_json or not sys.stderr.isatty():
            yield lambda _: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as bar:
            task = bar.add_task(title, total=total)
            yield lambda more: bar.advance(task, more)

    @staticmethod
    def _line(fields: dict[str, Any]) -> None:
        click.echo(json.dumps(fields, ensure_ascii=False, default=str))


def moment(time: float) -> str:
    """Return a time in seconds since 1970 as people read it."""
    return f"{dt.datetime.fromtimestamp(time, dt.timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def confirm(question: str, *, yes: bool, flag: str = "--yes") -> None:
    """Ask before something that cannot be undone.

    Raises:
        UsageError: Without a terminal to ask on, naming the flag that answers.
        Abort: When the answer is no.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        from hatch_aleph.errors import UsageError

        raise UsageError(f"{question} There is no terminal to ask on", hint=f"Answer beforehand with {flag}.")
    click.confirm(question, abort=True, err=True)
