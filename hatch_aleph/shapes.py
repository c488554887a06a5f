"""What data of others must look like before it is used, as tables: which keys there are, and of what kind."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

OTHERS = "*"  # in a table: every key that is not named; such keys are not looked at when it is left out
_SHOWN = 60  # characters of a line


class Kind(NamedTuple):
    """A kind of value: what to call it, and whether a value is of it."""

    expected: str
    fits: Callable[[Any], bool]


def text(expected: str = "a string", pattern: str = "[^\ud800-\udfff]*") -> Kind:
    """Return the kind of the strings that match a pattern as a whole."""
    return Kind(expected, lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None)


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


TEXT = text()
TRUTH = Kind("true or false", lambda value: isinstance(value, bool))
COUNT = Kind("a whole number from 1", lambda value: type(value) is int and 0 < value < 1 << 63)
NUMBER = Kind("a number", lambda value: type(value) in (int, float) and value == value)  # noqa: PLR0124 - not NaN
ANYTHING = Kind("anything", lambda _: True)
PLAIN = Kind("finite numbers and text of Unicode", _is_plain)
NO_KEY = Kind("no such key", lambda _: False)
# A kind, [the shape of each item], or a table of shapes by key; a key that ends in `?` may be missing.
Shape = Kind | list[Any] | dict[str, Any]


def misfit(value: Any, shape: Shape, path: str = "") -> str | None:
    """Return where a value first leaves its shape, and what is expected there; None when it fits."""
    if isinstance(shape, Kind):
        return None if shape.fits(value) else _told(path, shape.expected, value)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return _told(path, "a list", value)
        return _first(misfit(each, shape[0], f"{path}[{number}]") for number, each in enumerate(value))
    if not isinstance(value, dict):
        return _told(path, "a table", value)
    if not all(map(TEXT.fits, value)):
        return _told(path, "keys of Unicode text", value)
    named = {key.rstrip("?"): part for key, part in shape.items() if key != OTHERS}
    prefix = f"{path}." if path else ""
    for key in shape:
        if key != OTHERS and not key.endswith("?") and key not in value:
            return f"{prefix}{key}: missing"
    return _first(
        misfit(each, named[key] if key in named else shape[OTHERS], prefix + key)
        for key, each in value.items()
        if key in named or OTHERS in shape
    )


def _first(found: Any) -> str | None:
    return next((each for each in found if each), None)


def _told(path: str, expected: str, value: Any) -> str:
    shown = repr(value)
    shown = shown if len(shown) < _SHOWN else f"a {type(value).__name__}"
    return f"{path}: expected {expected}, not {shown}".removeprefix(": ")
