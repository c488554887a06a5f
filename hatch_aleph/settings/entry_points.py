"""The grammar of entry points: ``module:attribute.path``, and for a factory a call with literal arguments.

Everything else is the command of an executable. The guest reads the same text once more when a program starts
(``guest/entrypoint.py``, which may import nothing of ours); a test holds the two together.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

# The adapter's module in the code image; in the message it stands before the entry point: `aleph_entry:main:app`.
ADAPTER = "aleph_entry"
START_FAILED = f"{ADAPTER}.entrypoint.StartFailed: "  # begins the last line of its traceback; what follows is placed

# What is meant as an entry point, right or wrong: a command has a blank, a slash or nothing before its first colon.
_NAME = r"[^\W\d]\w*"
_MEANT = re.compile(rf"{_NAME}(\.\w+)*:[^\W\d]")
_EXPECTED = "after the colon, expected an attribute such as `app`, `api.app` or `create_app(True)`"
_MODULE = re.compile(rf"{_NAME}(\.{_NAME})*")


class EntryPointError(ValueError):
    """The text is no entry point; the message says what was expected."""


@dataclass(frozen=True)
class EntryPoint:
    """What runs.

    Attributes:
        module: Dotted name of the module.
        attribute: Dotted path inside of it.
        arguments: Positional arguments of a factory; None when the attribute is not called.
        keywords: Its named arguments.
    """

    module: str
    attribute: str
    arguments: tuple[Any, ...] | None = None
    keywords: tuple[tuple[str, Any], ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the guest's own init can load it, without the adapter: one attribute, not called."""
        return self.arguments is None and "." not in self.attribute


def parse_entrypoint(text: str) -> EntryPoint:
    """Read an entry point.

    Raises:
        EntryPointError: It is a command, or written wrong.
    """
    module, colon, attribute = text.partition(":")
    if not colon or not _MODULE.fullmatch(module) or not text.isprintable():
        raise EntryPointError("expected `module:attribute`")
    try:
        read = ast.parse(attribute, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise EntryPointError(_EXPECTED) from None
    call = read if isinstance(read, ast.Call) else None
    path = attribute.partition("(")[0] if call else attribute
    if _dotted(call.func if call else read) != path or read.end_col_offset != len(attribute.encode()):
        raise EntryPointError(_EXPECTED)
    if call is None:
        return EntryPoint(module, path)
    return EntryPoint(
        module,
        path,
        tuple(_literal(each) for each in call.args),
        tuple((_name(each), _literal(each.value)) for each in call.keywords),
    )


def is_command(text: str) -> bool:
    """Tell whether a text is the command of an executable, and not meant as an entry point."""
    return not _MEANT.match(text)


def in_message(entrypoint: str, *, adapter: bool) -> str:
    """Return the entry point, or the command, as the message carries it."""
    return f"{ADAPTER}:{entrypoint}" if adapter else entrypoint


def of_message(entrypoint: str) -> tuple[str, bool]:
    """Return the entry point, or the command, that a message carries, and whether the adapter runs it."""
    inner = entrypoint.removeprefix(f"{ADAPTER}:")
    return inner, inner != entrypoint


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        above = _dotted(node.value)
        return None if above is None else f"{above}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else None


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise EntryPointError(
            f'the arguments of a factory are literals, such as "production", 8 or None, unlike `{ast.unparse(node)}`'
        ) from None


def _name(keyword: ast.keyword) -> str:
    if keyword.arg is None:
        raise EntryPointError("the arguments of a factory are literals, without `**`")
    return keyword.arg
