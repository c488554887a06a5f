"""Every documented command line is one that the command line understands."""

from __future__ import annotations

import contextlib
import re
import shlex

import click
import pytest

from hatch_aleph.cli import cli
from hatch_aleph.commands import COMMANDS
from tests.seams.documents import PAGES, examples

# `$ hatch-aleph X`, `hatch run aleph:X` in blocks, and both in running text.
_IN_TEXT = re.compile(r"`(?:hatch-aleph |hatch run aleph:)([a-z][a-z-]*[^`]*)`")
_IN_BLOCK = re.compile(
    r"^\s*(?:\$ |- run: )?(?:\w+=\S+ )*(?:hatch-aleph |hatch run aleph:)([a-z][a-z-]*[^#\n]*)", re.MULTILINE
)


def lines() -> list[tuple[str, str]]:
    found = [
        (example.place, match[1].strip())
        for example in examples("console", "shell", "yaml")
        for match in _IN_BLOCK.finditer(example.text)
    ]
    for page in PAGES:
        found += [(page.name, match[1].strip()) for match in _IN_TEXT.finditer(page.read_text("utf-8"))]
    # Of hints in messages: what the table of commands says they are typed.
    return sorted({(place, line) for place, line in found if not set(line) & set("<…[|")})


def words(line: str) -> list[str]:
    """Split a command line, up to what its shell does with the output; placeholders stand for anything."""
    line = re.split(r"\s[|>]|\s&&\s", line)[0]
    line = re.sub(r"\b(ITEM_HASH|3a1f\.\.\.)", "a" * 64, line)
    return shlex.split(re.sub(r"\b0x[0-9A-Fa-f]{2,8}(\.\.\.|…)", "0x" + "1" * 40, line))


@pytest.mark.parametrize(("place", "line"), lines())
def test_every_documented_command_line_is_understood(place, line):
    name, *arguments = words(line)
    assert name in COMMANDS, place
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    # Running text may name a command alone, though it has arguments.
    with contextlib.suppress(click.MissingParameter) if not arguments else contextlib.nullcontext():
        command.make_context(name, list(arguments))


def test_every_command_has_an_example_that_is_understood():
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        epilog = command.epilog or ""
        if isinstance(command, click.Group):
            continue
        assert epilog.startswith("Example: hatch-aleph "), name
        said, *arguments = words(epilog.removeprefix("Example: hatch-aleph "))
        assert said == name
        command.make_context(name, arguments)
