"""Dependencies that a project declares elsewhere than in its pyproject.toml."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement

from hatch_aleph.errors import ProjectError
from hatch_aleph.text import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_COMMENT = re.compile(r"(^|\s)#.*")
_UNREAD = ("environment.yml", "environment.yaml", "conda.yml")


@dataclass(frozen=True)
class Declared:
    """Dependencies as they are declared outside of pyproject.toml.

    Attributes:
        file: The file that declares them, or None when there is none.
        requirements: As PEP 508 writes them.
        notes: What was not taken over, a sentence each.
    """

    file: str | None
    requirements: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_declared(root: Path) -> Declared:
    """Read ``requirements.txt`` or ``Pipfile``, whichever there is.

    Raises:
        ProjectError: A line or an entry cannot be understood, so that taking over the rest would drop a dependency.
    """
    notes: list[str] = [
        f"{name} is not read: list its packages from the index in [project] dependencies"
        for name in _UNREAD
        if (root / name).is_file()
    ]
    for name in ("requirements.txt", "requirements.in"):
        if (root / name).is_file():
            return Declared(name, tuple(dict.fromkeys(_from_requirements(root / name, notes))), tuple(notes))
    if (root / "Pipfile").is_file():
        return Declared("Pipfile", tuple(_from_pipfile(root / "Pipfile", notes)), tuple(notes))
    return Declared(None, (), tuple(notes))


def _from_requirements(file: Path, notes: list[str], seen: frozenset[Path] = frozenset()) -> Iterator[str]:
    for number, line in logical_lines(_read(file)):
        where = f"{file.name}:{number}"
        if line.startswith(("-r ", "--requirement ", "--requirement=", "-r")) and not line.startswith(
            "--require-hashes"
        ):
            other = (
                file.parent / line.split(None, 1)[-1].removeprefix("--requirement=").removeprefix("-r").strip()
            ).resolve()
            if other not in seen:
                yield from _from_requirements(other, notes, seen | {file.resolve()})
        elif line.startswith(("-c", "--constraint")):
            notes.append(f"{where}: constraints are not taken over: {line}")
        elif line.startswith(("-e", "--editable", ".", "/")):
            raise ProjectError(
                f"The path dependency {line!r} has no name, which [project] dependencies need",
                where=where,
                hint="Write it as `name @ file:///path`, or give that project a [tool.uv.sources] entry.",
            )
        elif line.startswith("-"):
            notes.append(f"{where}: the option is not taken over: {line.split('=')[0].split()[0]}")
        else:
            yield _requirement(line.split(" --hash", 1)[0].strip(), where)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"The file cannot be read: {error}", where=str(file)) from error


def logical_lines(text: str) -> list[tuple[int, str]]:
    """Return the numbered lines of a requirements file without comments and empty ones, continued ones joined."""
    lines = [(number, _COMMENT.sub("", line).strip()) for number, line in joined_lines(text)]
    return [(number, line) for number, line in lines if line]


def joined_lines(text: str) -> Iterator[tuple[int, str]]:
    """Join lines that end in a backslash, and number each by its first; a comment ends with its line, as pip has it.

    pip (pypa/pip, src/pip/_internal/req/req_file.py) does so for comments that fill a line; behind a requirement, too,
    nothing after the comment is lost.
    """
    parts: list[str] = []
    number = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.endswith("\\") and not _COMMENT.search(line):
            parts.append(line[:-1])
            continue
        yield number - len(parts), " ".join((*parts, line))
        parts.clear()
    if parts:
        yield number - len(parts) + 1, " ".join(parts)


def _requirement(text: str, where: str) -> str:
    try:
        return str(Requirement(text))
    except InvalidRequirement as error:
        reason = without_credentials(f"The requirement {text!r} cannot be understood: {error}")
        raise ProjectError(reason, where=where) from error


def _from_pipfile(file: Path, notes: list[str]) -> Iterator[str]:
    try:
        data = tomllib.loads(_read(file))
    except (ValueError, RecursionError) as error:
        raise ProjectError(f"The file cannot be read: {error}", where=str(file)) from error
    for name, entry in data.get("packages", {}).items():
        yield _requirement(_pipenv_requirement(name, entry, str(file)), f"{file.name}: {name}")
    if any("pypi.org" not in str(source.get("url", "")) for source in data.get("source", ())):
        notes.append("Pipfile: its [[source]] entries are not taken over: configure the index in [[tool.uv.index]]")


def _pipenv_requirement(name: str, entry: Any, where: str) -> str:
    table: Mapping[str, Any] = entry if isinstance(entry, dict) else {"version": entry}
    extras = f"[{','.join(table['extras'])}]" if table.get("extras") else ""
    if "git" in table:
        ref = f"@{table['ref']}" if table.get("ref") else ""
        text = f"{name}{extras} @ git+{table['git']}{ref}"
    elif "file" in table or "path" in table:
        raise ProjectError(
            f"The path dependency {name!r} cannot be taken over", where=where, hint="Add it to [tool.uv.sources]."
        )
    else:
        version = str(table.get("version", "*"))
        text = f"{name}{extras}{'' if version == '*' else version}"
    markers = table.get("markers")
    return f"{text} ; {markers}" if markers else text
