"""Turn a table into the settings model, collecting every mistake as data: where it is, and what is wrong."""

from __future__ import annotations

import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, asdict, dataclass, fields, is_dataclass
from pathlib import PurePosixPath
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from hatch_aleph import itemhash

Model = TypeVar("Model")
Path = tuple["str | int", ...]

_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "true or false", Mapping: "a table"}
# Named patterns of strings: what is expected, and the expression that the JSON schema carries too.
PATTERNS = {
    "item hash": ("an item hash (64 hexadecimal digits or a CID)", itemhash.WRITTEN),
    "mount": ("an absolute path without `..`, such as /opt/data", r"/[\w./-]{0,254}[\w-]"),
    "volume name": ("1 to 256 characters without `/`", r"[^/\x00]{1,256}"),
    "path": ("a path that begins with /", r"/\S*"),
    "python": ("a minor version such as 3.11", r"3\.\d{1,2}"),
    # An account's on Ethereum or Solana: a key has other lengths.
    "address": ("0x and 40 hexadecimal digits, or a Solana address", r"0x[0-9A-Fa-f]{40}|[1-9A-HJ-NP-Za-km-z]{32,44}"),
    "domain": ("a domain such as api.example.org, without https:// and path", r"[\w-]{1,63}(\.[\w-]{1,63})+"),
    "name": ("1 to 128 letters, digits, spaces, `.`, `_`, `-`", r"\w[\w .-]{0,127}"),
}


@dataclass(frozen=True)
class Problem:
    """A mistake in a table of settings, for each front end to tell under its own name of the key.

    Attributes:
        path: Keys and list positions from the table down, as in TOML: ``("volumes", "immutable", 0, "mount")``.
        text: What is wrong.
    """

    path: Path
    text: str


def dotted(path: Path) -> str:
    """Return a path as one writes it: ``volumes.immutable[0].mount``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def mistakes(problems: list[Problem], where: str, told: Callable[[Path], str]) -> str:
    """Return problems as the text of an error: how many there are, then one a line under the name of its key."""
    title = f"{len(problems)} mistake{'s' if len(problems) > 1 else ''} {where}"
    return title + "".join(f"\n  {told(problem.path)}: {problem.text}" for problem in problems)


def toml_name(name: str) -> str:
    """Return the TOML key of a field."""
    return name.replace("_", "-")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean `x`?`` or nothing."""
    import difflib  # for mistakes alone

    match = difflib.get_close_matches(name.replace("_", "-"), list(known), n=1)
    return f"; did you mean `{match[0]}`?" if match else ""


def parse(
    model: type[Model],
    table: Mapping[str, Any],
    problems: list[Problem],
    *,
    path: Path = (),
    also: frozenset[str] = frozenset(),
) -> Model | None:
    """Build a model from a table.

    Args:
        model: A dataclass of :mod:`hatch_aleph.settings.model`.
        table: What TOML gave.
        problems: Receives every mistake.
        path: Where the table is.
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
            problems.append(Problem((*path, name), f"unknown key{nearest(name, [*known, *also])}"))
            continue
        values[item.name] = _value(hints[item.name], value, (*path, name), item, problems)
    problems.extend(
        Problem((*path, name), "required, but missing")
        for name, item in known.items()
        if item.metadata.get("required") and name not in table
    )
    return model(**values) if len(problems) == before else None


def _value(kind: Any, value: Any, path: Path, item: Field[Any], problems: list[Problem]) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        kind = next(option for option in get_args(kind) if option is not type(None))
        return _value(kind, value, path, item, problems)
    if origin is Literal:
        return _choice(get_args(kind), value, path, problems)
    if is_dataclass(kind):
        if value is False and "off" in item.metadata:
            value = item.metadata["off"]
        if isinstance(value, Mapping):
            return parse(typing.cast("type[Any]", kind), value, problems, path=path)
        return _wrong(path, "a table", value, problems)
    if origin is tuple:
        return _items(get_args(kind)[0], value, path, item, problems)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(get_args(kind)[1], value, path, item, problems)
    return _scalar(kind, value, path, item, problems)


def _wrong(path: Path, expected: str, value: Any, problems: list[Problem]) -> None:
    shown = repr(value) if len(repr(value)) < 60 else f"{type(value).__name__}"  # noqa: PLR2004 - a line's rest
    problems.append(Problem(path, f"expected {expected}, not {shown}"))


def _choice(choices: tuple[str, ...], value: Any, path: Path, problems: list[Problem]) -> Any:
    if value in choices:
        return value
    hint = nearest(value, choices) if isinstance(value, str) else ""
    problems.append(Problem(path, f"expected one of {', '.join(choices)}, not {value!r}{hint}"))
    return None


def _items(kind: Any, value: Any, path: Path, item: Field[Any], problems: list[Problem]) -> tuple[Any, ...]:
    if not isinstance(value, list):
        _wrong(path, "a list", value, problems)
        return ()
    return tuple(_value(kind, each, (*path, number), item, problems) for number, each in enumerate(value))


def _mapping(kind: Any, value: Any, path: Path, item: Field[Any], problems: list[Problem]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        _wrong(path, "a table", value, problems)
        return {}
    if kind is Any:
        return dict(value)
    return {name: _value(kind, each, (*path, name), item, problems) for name, each in value.items()}


def _scalar(kind: Any, value: Any, path: Path, item: Field[Any], problems: list[Problem]) -> Any:
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        return _wrong(path, _NAMES[kind], value, problems)
    limits = item.metadata
    if kind in (int, float):
        low, high = limits.get("minimum"), limits.get("maximum")
        if not math.isfinite(value):  # TOML has `inf` and `nan`
            return _wrong(path, f"{_NAMES[kind]} that is finite", value, problems)
        if (low is not None and value < low) or (high is not None and value > high):
            reach = f"{low} to {high}" if high is not None else f"at least {low}"
            return _wrong(path, f"{_NAMES[kind]}, {reach}", value, problems)
    if isinstance(value, str) and ("pattern" in limits or limits.get("required")):
        pattern = limits.get("pattern", "")
        expected, expression = PATTERNS.get(pattern, ("a string that is not empty", r"(?s:.+)"))
        climbs = pattern == "mount" and ".." in PurePosixPath(value).parts
        if climbs or not re.fullmatch(expression, value):
            if pattern == "address":  # it may be a key
                problems.append(Problem(path, f"expected {expected}; what is there is not repeated"))
                return None
            return _wrong(path, expected, value, problems)
    return value


def to_table(model: Any) -> dict[str, Any]:
    """Return a model as the table that :func:`parse` reads it from; what is None is absent."""
    return dict(_table(asdict(model), type(model)))


def _table(values: Mapping[str, Any], model: type[Any]) -> Iterable[tuple[str, Any]]:
    hints = typing.get_type_hints(model)
    for name, value in values.items():
        if value is None or name not in hints:
            continue
        if is_dataclass(hints[name]):
            yield toml_name(name), dict(_table(value, typing.cast("type[Any]", hints[name])))
        else:
            yield toml_name(name), list(value) if isinstance(value, tuple) else value
