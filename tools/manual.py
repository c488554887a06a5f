"""Write the tables of docs/programs.md: the official manual's options, ours, and what differs on purpose.

    python tools/manual.py

What the manual has, and what is deliberately different, stands in docs/manual.toml; the rest is read from the commands
themselves, so that an option that is missing here, or new, changes the page: tests/cli/test_manual.py tells.
"""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from hatch_aleph.commands import COMMANDS

if TYPE_CHECKING:
    import click

DOCS = Path(__file__).parents[1] / "docs"
PAGE, MANUAL = DOCS / "programs.md", DOCS / "manual.toml"
HEAD = "| official | ours | what differs |\n|---|---|---|\n"
# A whole table, from its heading to its last row.
_TABLE = re.escape(HEAD) + r"(?:\|.*\n)*"


def official() -> dict[str, dict[str, str]]:
    """Return the manual's options of each command, each with what differs here."""
    return tomllib.loads(MANUAL.read_text("utf-8"))


def option_names(parameter: click.Parameter) -> str:
    """Return an option as the manual writes it: ``--internet / --no-internet``, without short forms."""
    long = [name for name in (*parameter.opts, *parameter.secondary_opts) if name.startswith("--")]
    return " / ".join(long)


def table(command: str) -> str:
    """Return the table of a command: the manual's options in its order, then our own with their help.

    Raises:
        KeyError: An option of the manual is not there.
    """
    module, attribute, _ = COMMANDS[command]
    parameters = getattr(importlib.import_module(f"hatch_aleph.cli.{module}"), attribute).params
    ours = {option_names(each): each for each in parameters if each.param_type_name == "option"}
    rows = []
    for name, differs in official()[command].items():
        if name not in ours:
            raise KeyError(f"{command} {name}")
        rows.append((f"`{name}`", f"`{name}`", differs))
    for name, parameter in ours.items():
        if name not in official()[command]:
            rows.append(("", f"`{name}`", str(getattr(parameter, "help", "") or "").replace("|", "\\|")))
    return HEAD + "".join(f"| {' | '.join(row)} |\n".replace("|  |", "| |").replace("|  |", "| |") for row in rows)


def page() -> str:
    """Return docs/programs.md with its tables made anew."""
    text = PAGE.read_text("utf-8")
    for command in official():
        section = re.search(rf"^## `{command}`$.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        if section is None:
            raise KeyError(command)
        made = re.sub(_TABLE, lambda _, command=command: table(command), section[0], count=1)
        text = text[: section.start()] + made + text[section.end() :]
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
