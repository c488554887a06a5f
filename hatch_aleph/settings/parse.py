"""Turn a TOML table into the settings model, collecting every mistake with its full key."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import PurePosixPath
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from hatch_aleph.runtimes import ITEM_HASH

Model = TypeVar("Model")

_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "true or false", Mapping: "a table"}
# Named patterns: (what is expected, test).
_PATTERNS: dict[str, tuple[str, Any]] = {
    "item hash": ("an item hash (64 hexadecimal digits or a CID)", ITEM_HASH.fullmatch),
    "mount": (
        "an absolute path without `..`, such as /opt/data",
        lambda text: re.fullmatch(r"/[\w./-]*[\w-]", text) and ".." not in PurePosixPath(text).parts,
    ),
    "path": ("a path that begins with /", re.compile(r"/\S*").fullmatch),
    "python": ("a minor version such as 3.11", re.compile(r"3\.\d{1,2}").fullmatch),
    "name": ("1 to 128 letters, digits, spaces, `.`, `_`, `-`", re.compile(r"\w[\w .-]{0,127}").fullmatch),
}


def toml_name(name: str) -> str:
    """Return the TOML key of a field."""
    return name.replace("_", "-")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean `x`?`` or nothing."""
    match = difflib.get_close_matches(name.replace("_", "-"), list(known), n=1)
    return f"; did you mean `{match[0]}`?" if match else ""


def parse(
    model: type[Model],
    table: Mapping[str, Any],
    where: str,
    problems: list[str],
    *,
    also: frozenset[str] = frozenset(),
) -> Model | None:
    """Build a model from a table.

    Args:
        model: A dataclass of :mod:`hatch_aleph.settings.model`.
        table: What TOML gave.
        where: Full key of the table, for messages.
        problems: Receives one line a mistake.
        also: Keys that are allowed but read elsewhere.

    Returns:
        The model, or None when anything in the table is wrong.
    """
    before = len(problems)
    hints = typing.get_type_hints(model)
    known = {toml_name(item.name): item for item in fields(model) if item.metadata}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name in also:
            continue
        item = known.get(name)
        if item is None:
            problems.append(f"{where}.{name}: unknown key{nearest(name, [*known, *also])}")
            continue
        values[item.name] = _value(hints[item.name], value, f"{where}.{name}", item, problems)
    problems.extend(
        f"{where}.{name}: required, but missing"
        for name, item in known.items()
        if item.metadata.get("required") and name not in table
    )
    return model(**values) if len(problems) == before else None


def _value(kind: Any, value: Any, where: str, item: Field[Any], problems: list[str]) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        kind = next(option for option in get_args(kind) if option is not type(None))
        return _value(kind, value, where, item, problems)
    if origin is Literal:
        return _choice(get_args(kind), value, where, problems)
    if is_dataclass(kind):
        if isinstance(value, Mapping):
            return parse(typing.cast("type[Any]", kind), value, where, problems)
        return _wrong(where, "a table", value, problems)
    if origin is tuple:
        return _items(get_args(kind)[0], value, where, item, problems)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(get_args(kind)[1], value, where, item, problems)
    return _scalar(kind, value, where, item, problems)


def _wrong(where: str, expected: str, value: Any, problems: list[str]) -> None:
    shown = repr(value) if len(repr(value)) < 60 else f"{type(value).__name__}"  # noqa: PLR2004 - a line's rest
    problems.append(f"{where}: expected {expected}, not {shown}")


def _choice(choices: tuple[str, ...], value: Any, where: str, problems: list[str]) -> Any:
    if value in choices:
        return value
    hint = nearest(value, choices) if isinstance(value, str) else ""
    problems.append(f"{where}: expected one of {', '.join(choices)}, not {value!r}{hint}")
    return None


def _items(kind: Any, value: Any, where: str, item: Field[Any], problems: list[str]) -> tuple[Any, ...]:
    if not isinstance(value, list):
        _wrong(where, "a list", value, problems)
        return ()
    return tuple(_value(kind, each, f"{where}[{number}]", item, problems) for number, each in enumerate(value))


def _mapping(kind: Any, value: Any, where: str, item: Field[Any], problems: list[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        _wrong(where, "a table", value, problems)
        return {}
    if kind is Any:
        return dict(value)
    return {name: _value(kind, each, f"{where}.{name}", item, problems) for name, each in value.items()}


def _scalar(kind: Any, value: Any, where: str, item: Field[Any], problems: list[str]) -> Any:
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        return _wrong(where, _NAMES[kind], value, problems)
    limits = item.metadata
    if kind in (int, float):
        low, high = limits.get("minimum"), limits.get("maximum")
        if (low is not None and value < low) or (high is not None and value > high):
            reach = f"{low} to {high}" if high is not None else f"at least {low}"
            return _wrong(where, f"{_NAMES[kind]}, {reach}", value, problems)
    if kind is str:
        expected, test = _PATTERNS.get(limits.get("pattern", ""), ("a string that is not empty", bool))
        if not test(value) and (limits.get("pattern") or limits.get("required")):
            return _wrong(where, expected, value, problems)
    return value


def default_of(item: Field[Any]) -> Any:
    """Return the default of a field, or MISSING when it has none."""
    return item.default_factory() if item.default_factory is not MISSING else item.default
