"""Locks of other tools, as versions and hashes by name: poetry.lock, pdm.lock, Pipfile.lock, requirements files."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hatch_aleph.build.packages.pylock import parse
from hatch_aleph.commands import typed
from hatch_aleph.errors import DependencyError
from hatch_aleph.scaffold.requirements import logical_lines
from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_PINNED = re.compile(r"([\w.-]+)(?:\[.*?\])?\s*==\s*([^\s;]+)")
_HASH = re.compile(r"--hash[=\s]\s*(\S+)")
_FILE = re.compile(r"([\w.]+)-[^/]+\.whl|([\w.-]+)-[^-/]+\.(?:tar\.\w+|tgz|zip)")
_INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)[=\s]?\s*(\S+)")
_ITSELF = (".", "./")
_PROJECT_ITSELF = re.compile(r"(?:-e|--editable)[=\s]?\s*\.(?:\[.*\])?/?")
# Where a lock may take a package from; the first is the only kind of repository that uv reads.
_ELSEWHERE = ("git", "url", "path", "file", "directory")
_UNREADABLE = ("hg", "svn", "bzr")


@dataclass
class Pins:
    """What another tool's lock says.

    Attributes:
        versions: By normalised name; several where markers choose among them.
        hashes: Of the files of each name, as ``sha256:...``.
        lines: The same as requirements, with markers, if the lock has them.
    """

    versions: dict[str, set[str]] = field(default_factory=dict)
    hashes: dict[str, set[str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def add(self, name: str, version: str, hashes: set[str]) -> None:
        """Add a distribution."""
        self.versions.setdefault(normalize(name), set()).add(version)
        self.hashes.setdefault(normalize(name), set()).update(hashes)

    @property
    def single_versions(self) -> dict[str, str]:
        """The versions where there is no choice, sorted by name."""
        return {name: next(iter(each)) for name, each in sorted(self.versions.items()) if len(each) == 1 and all(each)}


def read_pins(file: Path, *, refuse: bool = True) -> Pins:
    """Read poetry.lock, pdm.lock or Pipfile.lock.

    Args:
        file: The lock.
        refuse: Take packages of folders, repositories and addresses as an error; else they have no version, and a line
            alone.

    Raises:
        DependencyError: When it is none, or has packages that no index gives.
    """
    pins = Pins()
    try:
        if file.name == "Pipfile.lock":
            for name, table in json.loads(file.read_bytes())["default"].items():
                if table.get("path") in _ITSELF:
                    continue
                place = _elsewhere(name, table, file, refuse=refuse)
                if place:
                    pins.lines.append(place)
                    continue
                hashes = set(table.get("hashes", ()))
                pins.add(name, table["version"].removeprefix("=="), hashes)
                marker = f" ; {table['markers']}" if "markers" in table else ""
                pins.lines.append(f"{name}{table['version']}{marker}")
            return pins
        data = parse(file.read_text("utf-8", "replace"))
        older = data.get("metadata", {}).get("files", {})  # where Poetry kept the files before 1.3
        for table in data.get("package", []):
            if _elsewhere(table["name"], table, file, refuse=refuse):
                continue
            files = table.get("files") or older.get(table["name"], [])
            pins.add(table["name"], table["version"], {each["hash"] for each in files})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DependencyError(
            f"This is not a {file.name}: {error}.", where=str(file), hint="Write it again with its own tool."
        ) from error
    return pins


def _elsewhere(name: str, table: dict[str, Any], file: Path, *, refuse: bool) -> str:
    """Return the requirement for a package that no index gives; "" for one of an index."""
    source = table.get("source")
    named = {*table, source.get("type") if isinstance(source, dict) else ""}
    kind = next((each for each in (*_ELSEWHERE, *_UNREADABLE) if each in named), None)
    if kind is None:
        return ""
    if refuse or kind in _UNREADABLE:
        hint = f"Write a lock that has it: {typed('lock')}"
        if kind in _UNREADABLE:
            hint = f"Only repositories of git can be read: let {file.name} name a release of {name}, or a wheel."
        raise DependencyError(
            f"{name} comes from a {kind}, which is not read from a {file.name}.", where=str(file), hint=hint
        )
    place = str(table.get(kind, source.get("url", "") if isinstance(source, dict) else ""))
    if kind == "git":
        return f"{name} @ git+{place}@{table['ref']}" if "ref" in table else f"{name} @ git+{place}"
    return f"{name} @ {place if '://' in place else (file.parent / place).resolve().as_uri()}"


@dataclass(frozen=True)
class Requirements:
    """A requirements file and those that it includes.

    Attributes:
        lines: The requirements, a logical line each.
        constraints: Lines of files that ``-c`` names.
        digest: Of all these files.
        files: Where they are.
        options: Of pip, as far as they are no requirement and name no file: ``--pre``, ``--index-url ...``.
    """

    lines: tuple[str, ...]
    constraints: tuple[str, ...]
    digest: str
    files: tuple[Path, ...]
    options: tuple[str, ...] = ()

    @property
    def unhashed(self) -> str | None:
        """The first requirement without a hash; None when all have one, or when there is none."""
        hashed = {_name(line) for line in self.constraints if _HASH.search(line)}
        return next((line for line in self.lines if not _HASH.search(line) and _name(line) not in hashed), None)

    @property
    def pins(self) -> Pins:
        """Versions and hashes."""
        pins = Pins()
        for line in (*self.lines, *self.constraints):
            pinned, name = _PINNED.match(line), _name(line)
            if name:
                pins.add(name, pinned[2] if pinned else "", {each.lower() for each in _HASH.findall(line)})
        return pins


def read_requirements(file: Path) -> Requirements:
    """Read a requirements file as pip does: comments, continued lines, ``-r``, ``-c``.

    Raises:
        DependencyError: A file that it includes cannot be read.
    """
    lines: list[str] = []
    constraints: list[str] = []
    options: list[str] = []
    digest = hashlib.sha256()
    pending, seen = [(file, lines)], set()
    while pending:
        current, into = pending.pop(0)
        if (current, into is lines) in seen:
            continue
        seen.add((current, into is lines))
        try:
            content = current.read_bytes()
        except OSError as error:
            raise DependencyError(f"It includes {current.name}: {error.strerror}.", where=str(file)) from error
        digest.update(content)
        for _, line in logical_lines(content.decode("utf-8-sig", "replace")):
            include = _INCLUDE.fullmatch(line)
            if include:
                if "://" in include[2]:
                    raise DependencyError(
                        "It includes a file from an address, which could change at any time.",
                        where=str(file),
                        hint="Put the file beside it.",
                    )
                pending.append(
                    (current.parent / include[2], lines if include[1].startswith(("-r", "--r")) else constraints)
                )
            elif line.startswith(("-e", "--editable")):
                if not _PROJECT_ITSELF.fullmatch(line):
                    into.append(line)
            elif line.startswith("-"):
                options.append(line)
            else:
                into.append(line)
    files = tuple(dict.fromkeys(each for each, _ in seen))
    return Requirements(tuple(lines), tuple(constraints), digest.hexdigest(), files, tuple(options))


def _name(line: str) -> str:
    """Return what a requirement is of, by its file where a path or an address stands alone; "" for a folder."""
    place = re.split(r"[\s#?]", line, maxsplit=1)[0]
    file = _FILE.fullmatch(place.rpartition("/")[2])
    if file:
        return normalize(file[1] or file[2])
    match = _NAME.match(line)
    return normalize(match[0]) if match and "://" not in line.partition("@")[0] and not line.startswith(".") else ""
