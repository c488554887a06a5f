"""What the official command line asks for when options do not say it: volumes, variables, subscriptions.

Questions come only on a terminal; elsewhere what was not said is not wanted, and each question has its option.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.questions import ask, ask_yes, can_ask
from hatch_aleph.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatch_aleph.cli.context import Context
    from hatch_aleph.cli.output import Output


def may_ask(context: Context) -> bool:
    """Tell whether there is somebody to ask."""
    return not (context.output.as_json or context.yes) and can_ask()


def ask_for_the_rest(
    context: Context,
    table: dict[str, Any],
    check: Callable[[Mapping[str, Any]], object],
    *,
    volumes: bool,
    variables: bool,
    beta: bool,
) -> None:
    """Complete a table of settings by asking; each answer is checked at once, as the whole table will be.

    Args:
        context: Whether questions may be asked.
        table: What the options said; receives the answers.
        check: Raises UsageError for a table that cannot be.
        volumes: Whether to ask for volumes.
        variables: Whether to ask for environment variables.
        beta: Whether to ask for message subscriptions.

    Raises:
        UsageError: Subscriptions are wanted, but there is nobody to ask.
    """
    asking = may_ask(context)
    if beta and "subscriptions" not in table and not asking:
        raise UsageError(
            "--beta asks for message subscriptions, and there is no terminal to ask on",
            hint="Say them with --subscriptions JSON, or --subscriptions @FILE.",
        )
    questions = _Questions(context.output, table, check)
    if volumes and asking and "volumes" not in table:
        questions.volumes()
    if variables and asking and "variables" not in table:
        questions.variables()
    if beta and "subscriptions" not in table:
        questions.subscriptions()


class _Questions:
    """Asks, and puts what is right into the table."""

    def __init__(self, output: Output, table: dict[str, Any], check: Callable[[Mapping[str, Any]], object]) -> None:
        self._output = output
        self._table = table
        self._check = check

    def volumes(self) -> None:
        """Ask for volumes until there are enough."""
        found: dict[str, list[dict[str, Any]]] = {}

        def answer(question: str, kind: str, volume: dict[str, Any], key: str, **options: Any) -> None:
            def with_it(value: Any) -> dict[str, Any]:
                complete = {**_EXAMPLES[kind], **volume, key: value}
                return {"volumes": {**found, kind: [*found.get(kind, ()), complete]}}

            volume[key] = self._answer(question, with_it, **options)

        while ask_yes(self._output, "Add a volume? (--skip-volume)"):
            volume: dict[str, Any] = {}
            answer("Mount path, such as /opt/data", "persistent", volume, "mount")
            if ask_yes(self._output, "Is it an immutable volume, pinned on the network?"):
                answer("Item hash of its STORE message", "immutable", volume, "ref")
                volume["use-latest"] = ask_yes(self._output, "Follow its amends?", default=True)
                found.setdefault("immutable", []).append(volume)
            else:
                answer("Size in MiB", "persistent", volume, "size-mib", type=int)
                answer("Name", "persistent", volume, "name")
                found.setdefault("persistent", []).append(volume)
            self._table["volumes"] = found

    def variables(self) -> None:
        """Ask for environment variables until there are enough."""
        found: dict[str, str] = {}
        while ask_yes(self._output, "Add an environment variable? They are public for ever. (--skip-env-var)"):
            name = self._answer("Name", lambda name: {"variables": {**found, name: ""}})
            found[name] = ""
            found[name] = self._answer("Value", lambda value: {"variables": {**found, name: value}})  # noqa: B023 - asked here and now
            self._table["variables"] = found

    def subscriptions(self) -> None:
        """Ask for message subscriptions."""
        from hatch_aleph.cli.program_options import read_subscriptions

        if not ask_yes(self._output, "Subscribe to messages? (--subscriptions)"):
            return
        self._output.notice("A JSON list of filters; end it with Ctrl-D (Ctrl-Z on Windows).")
        with self._output.aside():
            self._table["subscriptions"] = read_subscriptions(sys.stdin.read())

    def _answer(self, question: str, table_with: Callable[[Any], dict[str, Any]], *, type: type = str) -> Any:  # noqa: A002 - click's word
        """Ask until the answer is right: what is wrong with it is told at once."""

        def right(text: str) -> Any:
            try:
                value = type(text.strip())
                self._check({**self._table, **table_with(value)})
            except ValueError:
                raise click.UsageError(f"{text!r} is no number") from None
            except UsageError as error:
                raise click.UsageError(error.message.splitlines()[-1].strip()) from error
            return value

        return ask(self._output, question, value_proc=right)


# What stands for the answers that are still to come.
_EXAMPLES: dict[str, dict[str, Any]] = {
    "persistent": {"mount": "/opt/data", "name": "data", "size-mib": 1},
    "immutable": {"mount": "/opt/data", "ref": "f" * 64},
}
