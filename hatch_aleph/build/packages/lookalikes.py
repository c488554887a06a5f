"""What looks like dependencies, or like a lock of them, in forms that nobody here reads: it is named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hatch_aleph.files import text_of
from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatch_aleph.project import Project

_FILES = ("requirements*.in", "requirements*.txt", "requirements/*.in", "requirements/*.txt")
_LOCKS = ("pylock.*.toml", "requirements*.lock", "pixi.lock", "conda-lock.yml")
_CONDA = ("environment.yml", "environment.yaml")
_CONDA_LIST = re.compile(r"^dependencies:\s*\n(?:\s*#.*\n)*\s*- ", re.MULTILINE)
_INSTALL_REQUIRES = re.compile(r"^[^#\n]*\binstall_requires\s*=", re.MULTILINE)
_INLINE = re.compile(r"^# /// script\n(?:#(?! ///).*\n)*?# *dependencies *= *\[(?!\])", re.MULTILINE)
_PYPI = "https://pypi.org/"
# In a Pipfile, and in its lock.
_OTHER_INDEX = re.compile(rf"""^\s*"?url"?\s*[=:]\s*["'](?!{re.escape(_PYPI)})""", re.MULTILINE)
# What groups and extras are called that are for working on a project, not for running it.
_DEVELOPMENT = re.compile(
    r"(?i)(?:dev|test|lint|doc|typ|format|fmt|coverage|cov$|check|nox|tox|ci$|build|release|bench)"
)


def lookalikes(project: Project) -> Iterator[str]:
    """Yield a line for all such places, and one for groups and extras each.

    Args:
        project: One without dependencies, by whatever its build backend says.
    """
    places = list(_places(project))
    if places:
        yield (
            f"{', '.join(places)} {'is' if len(places) == 1 else 'are'} not read, and the project declares no "
            "dependencies: they stand in project.dependencies, in requirements.txt or in a lock"
        )
    tables = (("[dependency-groups]", "groups", project.groups), ("optional-dependencies", "extras", project.extras))
    for table, key, names in tables:
        chosen = [name for name in names if names[name] and not _DEVELOPMENT.match(name)]
        if chosen:
            listed = ", ".join(f'"{name}"' for name in chosen)
            yield (
                f"{table} {', '.join(chosen)} is not read, and the project declares no other dependencies: "
                f"tool.aleph.{key} = [{listed}] takes it in"
            )


def more_in_poetrys_table(project: Project) -> Iterator[str]:
    """Yield a line if Poetry's table has what ``project.dependencies`` lacks, and Poetry does not build the project."""
    table: dict[str, Any] = project.pyproject.get("tool", {}).get("poetry", {}).get("dependencies", {})
    declared = {normalize(re.split(r"[^\w.-]", each.strip(), maxsplit=1)[0]) for each in project.dependencies}
    more = [
        name for name, wanted in table.items()
        if normalize(name) not in {*declared, "python"} and not (isinstance(wanted, dict) and wanted.get("optional"))
    ]  # fmt: skip
    if more and "poetry" not in project.backend:
        alone = f"it alone has {', '.join(more)}"
        yield f"[tool.poetry.dependencies] is not read: project.dependencies comes first; {alone}"


def unread_locks(root: Path, first: str) -> Iterator[str]:
    """Yield a line for each lock that is of no form that counts; ``first`` names what is read instead."""
    for file in sorted(file for pattern in _LOCKS for file in root.glob(pattern)):
        yield f"{file.name} is not read: {first} comes first"


def other_indexes(project: Project) -> Iterator[str]:
    """Yield a line for each table in which another tool names its indexes: PyPI would be asked in their place."""
    tool: dict[str, Any] = project.pyproject.get("tool", {})
    found = []
    for name in ("poetry", "pdm"):
        table = tool.get(name)
        sources = table.get("source") if isinstance(table, dict) else None
        urls = [each.get("url") for each in sources if isinstance(each, dict)] if isinstance(sources, list) else []
        if any(url and not str(url).startswith(_PYPI) for url in urls):
            found.append(f"[[tool.{name}.source]]")
    pipfile = next((name for name in ("Pipfile", "Pipfile.lock") if (project.root / name).is_file()), "")
    if pipfile and _OTHER_INDEX.search(text_of(project.root / pipfile)):
        found.append(f"[[source]] of {pipfile}")
    if "index" not in tool.get("uv", {}):
        yield from (f"{place} is not read: indexes stand in [[tool.uv.index]]" for place in found)


def _places(project: Project) -> Iterator[str]:
    root = project.root
    poetry: dict[str, Any] = project.pyproject.get("tool", {}).get("poetry", {})
    if "poetry" not in project.backend and set(poetry.get("dependencies", ())) - {"python"}:
        yield "[tool.poetry.dependencies]"
    if project.wheel is None:  # else its backend has read these
        yield from (
            f"install_requires of {name}"
            for name in ("setup.cfg", "setup.py")
            if _INSTALL_REQUIRES.search(text_of(root / name))
        )
    if _pipfile(root / "Pipfile"):
        yield "Pipfile"
    files = {file for pattern in _FILES for file in root.glob(pattern) if file.name != "requirements.txt"}
    for file in sorted({*files, root / "requirements/requirements.txt"}):
        if any(line.strip() and not line.lstrip().startswith("#") for line in text_of(file).splitlines()):
            yield file.relative_to(root).as_posix()
    environment = project.pyproject.get("tool", {}).get("hatch", {}).get("envs", {}).get("default", {})
    if {"dependencies", "extra-dependencies"} & {*environment}:
        yield "[tool.hatch.envs.default]"
    for file in sorted(root.glob("*.py")):
        if _INLINE.search(text_of(file)):
            yield f"`# /// script` of {file.name}"
    yield from (name for name in _CONDA if _CONDA_LIST.search(text_of(root / name)))


def _pipfile(file: Path) -> bool:
    """Tell whether a Pipfile asks for anything but what development needs."""
    section = re.search(r"^\[packages\]\n((?:(?!\[).*\n?)*)", text_of(file), re.MULTILINE)
    return section is not None and re.search(r"^\s*[\w\"']", section[1], re.MULTILINE) is not None
