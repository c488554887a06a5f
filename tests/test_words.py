"""How errors speak: a message begins with a capital, and commands in hints are typed as the user types them."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import hatch_aleph
from hatch_aleph import errors
from hatch_aleph.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(hatch_aleph.__file__).parent
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
# What a message may begin with in place of a capital: names that are written so.
WRITTEN_SO = ("tool.aleph", "requires-python", "project.version", "uv ")
_NAMES = "|".join(map(re.escape, COMMANDS))
BY_HAND = re.compile(
    rf"\bhatch-aleph (?:{_NAMES})\b|\bhatch (?:run|build|publish) |`(?:{_NAMES})(?:`| [A-Z-])|: (?:{_NAMES}) --"
)


def name_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


@cache
def calls() -> list[tuple[str, ast.Call]]:
    """Return every place where an error is made, ours and those derived from them."""
    trees = [(file, ast.parse(file.read_text("utf-8"))) for file in sorted(PACKAGE.rglob("*.py"))]
    made = set(ERRORS)
    for _, tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and made & set(map(name_of, node.bases)):
                own = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
                made |= set() if "__init__" in own else {node.name}  # which then words its messages itself
    return [
        (f"{file.relative_to(PACKAGE)}:{node.lineno}", node)
        for file, tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and name_of(node.func) in made
    ]


def beginnings(node: ast.expr) -> Iterator[str]:
    """Yield how the text of an expression may begin, as far as it stands in the source."""
    if isinstance(node, ast.IfExp):
        yield from beginnings(node.body)
        yield from beginnings(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from beginnings(value)
    elif isinstance(node, ast.BinOp):
        yield from beginnings(node.left)
    elif isinstance(node, ast.JoinedStr) and node.values:
        yield from beginnings(node.values[0])
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def test_every_error_begins_with_a_capital() -> None:
    found = calls()
    assert len(found) > 200
    wrong = [
        f"{place}: {text}"
        for place, call in found
        for text in (beginnings(call.args[0]) if call.args else ())
        if text[:1].islower() and not text.startswith(WRITTEN_SO)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_hint_types_a_command_by_hand() -> None:
    wrong = [
        f"{place}: {part.value}"
        for place, call in calls()
        for keyword in call.keywords
        if keyword.arg == "hint"
        for part in ast.walk(keyword.value)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and BY_HAND.search(part.value)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_hint_begins_with_a_capital() -> None:
    wrong = [
        f"{place}: {text}"
        for place, call in calls()
        for keyword in call.keywords
        if keyword.arg == "hint"
        for text in beginnings(keyword.value)
        if text[:1].islower() and not text.startswith(WRITTEN_SO)
    ]
    assert not wrong, "\n".join(wrong)
