"""The way out when the runtime cannot have what is required: which it is, where it stands, what it takes instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from hatch_aleph.runtimes import Runtime

_NO_WHEELS = re.compile(
    r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?(?:[<>=!~]\S*)? ha(?:s|ve) no (?:usable wheels|wheels? with a matching)"
)
# "... does not satisfy Python>=3.12 and WHO depends on WHAT": WHAT is a Python, or that which alone needs it.
_OTHER_PYTHON = re.compile(r"does not satisfy Python\S*\s+and\s+([\w.-]+)\S*\s+depends\s+on\s+([\w.-]+)")
_REQUIRES_PYTHON = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?(?:[<>=!~]\S*)? requires Python ")
# Where requirements are written, in the order in which they count.
_FILES = ("pyproject.toml", "requirements.txt", "requirements.in", "Pipfile", "setup.cfg", "setup.py")


class Unusable(NamedTuple):
    """Distributions that uv names as such that the runtime cannot have."""

    no_wheel: list[str]
    other_python: list[str]


def unusable(message: str, known: Collection[str]) -> Unusable | None:
    """Read them from what uv says of a failed resolution; None when it names none but those known."""
    flat = re.sub(r"\s+", " ", message)
    wheels = {normalize(name) for name in _NO_WHEELS.findall(flat)} - {*known}
    pythons = {normalize(who if what == "Python" else what) for who, what in _OTHER_PYTHON.findall(flat)}
    pythons = (pythons | {normalize(name) for name in _REQUIRES_PYTHON.findall(flat)}) - {*known}
    return Unusable(sorted(wheels), sorted(pythons - wheels)) if wheels or pythons else None


def hint(
    root: Path,
    runtime: Runtime,
    newest: Mapping[str, str],
    no_wheel: Sequence[str],
    other_python: Sequence[str],
) -> str:
    """Return what to do about them: the newest versions that the runtime takes, and the lines to change.

    Args:
        root: The project's root.
        runtime: What the program is to run on.
        newest: The newest version that the runtime takes, by name; those that have none are missing.
        no_wheel: What has no wheel for the runtime in the versions that are asked for.
        other_python: What needs another Python in these versions.
    """
    names = [*other_python, *no_wheel]
    lines = [f"Programs run on Python {runtime.python}, {runtime.platform} (runtime {runtime.name})."]
    if newest:
        lines.append("The newest that runs there, to be asked for instead if the program works with it:")
        for name in (each for each in names if each in newest):
            place = line_of(root, _FILES, name)
            lines.append(f"  {name} {newest[name]}" + (f", at {place}" if place else ", required by another"))
    lost = [each for each in names if each not in newest]
    if lost:
        lines.append(f"No version of {', '.join(lost)} has a wheel for it.")
    if no_wheel:
        what = "Or name" if newest else "Name"
        lines.append(f"{what} what may be built from source: tool.aleph.allow-source = {list(no_wheel)}")
    return "\n".join(lines)


def line_of(root: Path, files: Sequence[str], *names: str) -> str | None:
    """Return ``file:line`` of the first line that asks for one of some names, or None."""
    for file in files:
        try:
            lines = (root / file).read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        for name in names:
            written = name.replace("-", "[-_.]+")
            pattern = re.compile(rf"(?:^|[\s\"'\[,]){written}\s*(?:$|[\"'\[=<>~!;,@ ])", re.IGNORECASE)
            for number, line in enumerate(lines, 1):
                if pattern.search(line.partition("#")[0]) and not re.match(r"\s*(?:name|description)\s*=", line):
                    return f"{root / file}:{number}"
    return None
