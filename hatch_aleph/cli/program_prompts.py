"""What the official command line asks for when options do not say it: volumes, variables, subscriptions.

Questions come only on a terminal; elsewhere what was not said is not wanted, and each question has its option.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.errors import UsageError

if TYPE_CHECKING:
    from hatch_aleph.cli.context import Context


def may_ask(context: Context) -> bool:
    """Tell whether there is somebody to ask."""
    return not (context.output.as_json or context.yes) and sys.stdin.isatty() and sys.stderr.isatty()


def ask_for_the_rest(context: Context, table: dict[str, Any], *, volumes: bool, variables: bool, beta: bool) -> None:
    """Complete a table of settings by asking.

    Args:
        context: Whether questions may be asked.
        table: What the options said; receives the answers.
        volumes: Whether to ask for volumes.
        variables: Whether to ask for environment variables.
        beta: Whether to ask for message subscriptions.

    Raises:
        UsageError: Subscriptions are wanted, but there is nobody to ask.
    """
    asking = may_ask(context)
    if volumes and asking and "volumes" not in table:
        found = _volumes()
        if found:
            table["volumes"] = found
    if variables and asking and "variables" not in table:
        answers = _variables()
        if answers:
            table["variables"] = answers
    if beta and "subscriptions" not in table:
        if not asking:
            raise UsageError(
                "--beta asks for message subscriptions, and there is no terminal to ask on",
                hint="Say them with --subscriptions JSON, or --subscriptions @FILE.",
            )
        subscriptions = _subscriptions()
        if subscriptions:
            table["subscriptions"] = subscriptions


def _volumes() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    while _yes("Add a volume? (--skip-volume)"):
        mount = _text("Mount path, such as /opt/data")
        if _yes("Is it an immutable volume, pinned on the network?"):
            volume: dict[str, Any] = {"mount": mount, "ref": _text("Item hash of its STORE message")}
            volume["use-latest"] = _yes("Follow its amends?", default=True)
            found.setdefault("immutable", []).append(volume)
        else:
            size = click.prompt("Size in MiB", type=click.IntRange(1), err=True)
            found.setdefault("persistent", []).append({"mount": mount, "name": _text("Name"), "size-mib": size})
    return found


def _variables() -> dict[str, str]:
    found: dict[str, str] = {}
    while _yes("Add an environment variable? They are public for ever. (--skip-env-var)"):
        name = _text("Name")
        found[name] = _text("Value")
    return found


def _subscriptions() -> list[Any]:
    from hatch_aleph.cli.program_options import read_subscriptions

    if not _yes("Subscribe to messages? (--subscriptions)"):
        return []
    click.echo("A JSON list of filters; end it with Ctrl-D (Ctrl-Z on Windows).", err=True)
    return read_subscriptions(sys.stdin.read())


def _yes(question: str, *, default: bool = False) -> bool:
    return click.confirm(question, default=default, err=True)


def _text(question: str) -> str:
    return str(click.prompt(question, err=True))
