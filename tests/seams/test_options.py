"""Every option of every command is read by what the command does.

Followed by name from a command's function through all functions of the command line's room: an option whose value none
of them reads changes nothing.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
from pathlib import Path

import click
import pytest

import hatch_aleph.cli
from hatch_aleph.commands import COMMANDS

# Read by click itself, or by a callback of its own.
_BY_CLICK = {"help", "version"}
# Read under a name that is put together.
_MADE = {f"{kind}_volume": "_volume" for kind in ("immutable", "persistent", "ephemeral")}
# Options that change nothing, each with its reason.
_WITHOUT_EFFECT: dict[tuple[str, str], str] = {}
ROOM = Path(hatch_aleph.cli.__file__).parent


@functools.cache
def functions() -> dict[str, list[ast.AST]]:
    """Return every function and method of the room, by name."""
    found: dict[str, list[ast.AST]] = {}
    for file in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.setdefault(node.name, []).append(node)
    return found


@functools.cache
def words(node: ast.AST) -> set[str]:
    """Return what a function's body names: variables, attributes, keyword arguments and keys."""
    found: set[str] = set()
    for part in getattr(node, "body", []):
        for each in ast.walk(part):
            if isinstance(each, ast.Name):
                found.add(each.id)
            elif isinstance(each, ast.Attribute):
                found.add(each.attr)
            elif isinstance(each, ast.Constant) and isinstance(each.value, str):
                found.add(each.value)
    return found


@functools.cache
def read_by(command: click.Command) -> set[str]:
    """Return every name that a command's function reads, and those that it calls."""
    waiting: set[str] = {inspect.unwrap(command.callback).__name__}  # type: ignore[arg-type]
    seen: set[str] = set()
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for node in functions().get(name, []):
            said = words(node)
            found |= said
            waiting |= {each for each in said if each in functions()} - seen
    return found


def commands() -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name, (module, attribute, _) in COMMANDS.items():
        command = getattr(importlib.import_module(f"hatch_aleph.cli.{module}"), attribute)
        inner = command.commands.items() if isinstance(command, click.Group) else [(name, command)]
        found += [(f"{name} {each}" if each != name else name, made) for each, made in inner]
    return found


CASES = [
    pytest.param(command, parameter, id=f"{name} {max(parameter.opts, key=len)}")
    for name, command in commands()
    for parameter in command.params
]


@pytest.mark.parametrize(("command", "parameter"), CASES)
def test_every_option_is_read(command, parameter):
    if not parameter.expose_value or parameter.name in _BY_CLICK:
        assert parameter.callback is not None
        return
    is_read = _MADE.get(parameter.name, parameter.name) in read_by(command)
    assert is_read or (command.name, parameter.name) in _WITHOUT_EFFECT


def test_what_decides_over_a_build_is_said_to_commands_that_build():
    """By name alone it is read everywhere: the context reads it, for whoever asks it for an artifact."""
    given = {name: {parameter.name for parameter in command.params} for name, command in commands()}
    building = {name for name, options in given.items() if options & {"no_build", "locked", "offline"}}
    assert building == {"build", "deploy", "plan", "serve", "verify", "diff", "lock"}
