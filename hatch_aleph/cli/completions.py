"""``hatch-aleph completions``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.errors import UsageError

_SHELLS = ("bash", "zsh", "fish")


@click.command(epilog="Example: hatch-aleph completions bash")
@with_context()
@click.argument("shell", type=click.Choice(_SHELLS), required=False)
def completions(context: Context, *, shell: str | None) -> None:
    """Print the script that completes commands, options and their values in SHELL, by default yours."""
    from click.shell_completion import get_completion_class

    from hatch_aleph.cli import cli

    name = shell or Path(os.environ.get("SHELL", "")).name
    completion = get_completion_class(name) if name in _SHELLS else None
    if completion is None:
        raise UsageError(f"There are no completions for the shell {name!r}.", hint=f"Name one: {', '.join(_SHELLS)}.")
    script = completion(cli, {}, "hatch-aleph", "_HATCH_ALEPH_COMPLETE").source()
    context.output.result({"shell": name, "script": script}, script, fold=False)
