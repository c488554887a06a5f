"""The page on programs says what the official manual's options are here; every line of it must be true."""

from __future__ import annotations

import importlib
import re
import runpy
from pathlib import Path

import pytest

from hatch_aleph.commands import COMMANDS

PAGE = Path(__file__).parents[2] / "docs" / "programs.md"
# The official manual's commands, each with the number of its options but --help (`update` has none there).
MANUAL = {
    "create": 26,
    "update": 0,
    "delete": 8,
    "list": 6,
    "persist": 7,
    "unpersist": 7,
    "logs": 5,
    "runtime-checker": 5,
}


def rows(command: str) -> list[tuple[str, str]]:
    """Return (official, ours) of each line of a command's table."""
    text = PAGE.read_text("utf-8")
    section = re.search(rf"^## `{command}`$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, command
    lines = [line.split("|")[1:3] for line in section.group(1).splitlines() if line.startswith("| ")]
    return [(official.strip().strip("`"), ours.strip().strip("`")) for official, ours in lines[1:]]


def options(command: str) -> set[str]:
    module, attribute, _ = COMMANDS[command]
    parameters = getattr(importlib.import_module(f"hatch_aleph.cli.{module}"), attribute).params
    return {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("command", MANUAL)
def test_every_option_of_the_manual_is_there_under_its_name(command):
    table = rows(command)
    assert len([official for official, _ in table if official]) >= MANUAL[command]
    for official, ours in table:
        assert official in ("", ours)
        for name in ours.split(" / "):
            assert name in options(command), name


def test_the_tables_are_made_from_the_manual_and_the_commands():
    made = runpy.run_path(str(PAGE.parents[1] / "tools" / "manual.py"))["page"]()
    assert made == PAGE.read_text("utf-8"), "make it anew: python tools/manual.py"


@pytest.mark.parametrize(
    ("name", "other"), [("create", "upload"), ("persist", "persistent"), ("unpersist", "unpersistent")]
)
def test_both_names_of_a_command_take_the_same(name, other):
    assert options(name) == options(other)
