"""Questions on a terminal: each has an option that answers it, and only what is typed after it answers it."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_aleph.cli.output import Output

# What a "no" leaves, unless the command says more.
NOTHING_DONE = "Nothing was published."


class Declined(click.Abort):
    """The answer was no; carries what that means."""


def can_ask() -> bool:
    """Tell whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(output: Output, question: str, *, yes: bool, flag: str = "--yes", otherwise: str = NOTHING_DONE) -> None:
    """Ask before something that cannot be undone.

    Args:
        output: Where to ask.
        question: What is to be done.
        yes: The answer was given beforehand.
        flag: The option that gives it.
        otherwise: What is told after a no.

    Raises:
        UsageError: Without a terminal to ask on, naming the flag that answers.
        Declined: When the answer is no, or Ctrl-C.
    """
    if yes:
        return
    if not can_ask():
        from hatch_aleph.errors import UsageError

        raise UsageError(f"{question} There is no terminal to ask on", hint=f"Answer beforehand with {flag}.")
    try:
        agreed = ask_yes(output, question)
    except click.Abort as error:
        raise Declined(f"Interrupted. {otherwise}") from error
    if not agreed:
        raise Declined(otherwise)


def ask_yes(output: Output, question: str, *, default: bool = False) -> bool:
    """Ask for yes or no."""
    with _question(output):
        return click.confirm(output.fitted(question), default=default, err=True)


def ask(output: Output, question: str, **options: Any) -> Any:
    """Ask for a value; ``options`` as :func:`click.prompt` has them: ``type`` checks each answer at once."""
    with _question(output):
        return click.prompt(question, err=True, **options)


@contextlib.contextmanager
def _question(output: Output) -> Iterator[None]:
    with output.aside():
        _forget_typed()
        try:
            yield
        except click.Abort:
            click.echo(err=True)  # what follows begins a line of its own
            raise


def _forget_typed() -> None:
    """Drop what was typed before the question was there: it answers something else, or nothing."""
    try:
        import termios
    except ImportError:  # Windows
        import msvcrt

        while msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
            msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
        return
    with contextlib.suppress(termios.error, OSError, ValueError):
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
