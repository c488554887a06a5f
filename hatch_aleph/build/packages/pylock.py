"""Which files of which distributions, exactly, and how that is written: pylock.toml (PEP 751)."""

from __future__ import annotations

import json
import math
import posixpath
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from hatch_aleph.text import public_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatch_aleph.runtimes import Runtime

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOOL = "hatch-aleph"  # our table in a pylock.toml
SOURCES = ("vcs", "directory", "archive", "sdist")
# Whose addresses a lock may name: what it says of them is what everybody knows.
_PUBLIC_INDEXES = frozenset(("pypi.org", "files.pythonhosted.org"))
_SDIST = re.compile(r"[\w.]+-[\w.+!]+\.(?:tar\.gz|tar\.bz2|tar\.xz|tgz|zip)")


@dataclass(frozen=True)
class Locked:
    """One distribution of a lock, for one runtime.

    Attributes:
        name: Normalised.
        version: "" when only a build will tell.
        kind: ``wheels``, or what it is built from: one of ``SOURCES``.
        wheel: File name of the chosen wheel, or "" for what is built from source.
        hashes: Of the chosen file, by algorithm.
        table: What pylock.toml says about the chosen file, ready for uv.
    """

    name: str
    version: str
    kind: str
    wheel: str
    hashes: Mapping[str, str]
    table: Mapping[str, Any] = field(repr=False)

    @property
    def file(self) -> Mapping[str, Any]:
        """What the lock says of the chosen file."""
        file: Mapping[str, Any] = self.table["wheels"][0] if self.kind == "wheels" else self.table[self.kind]
        return file

    @property
    def local(self) -> bool:
        """Whether it is a folder, a file of this machine or a repository: its content can change under its name."""
        address = self.file.get("url", "")  # uv writes what stands in a folder of `find-links` so
        return self.kind in ("directory", "vcs") or "path" in self.file or urlsplit(address).scheme == "file"

    @property
    def folder(self) -> str | None:
        """The folder that it is built from, as the lock names it; None for anything else."""
        if self.kind != "directory":
            return None
        return str(PurePath(self.file["path"], self.file.get("subdirectory") or ""))

    @property
    def digest(self) -> str:
        """What stands for the wheel in cache keys; "" for what is known only once it is built."""
        algorithm = _best(self.hashes)
        return f"{algorithm}:{self.hashes[algorithm]}" if self.wheel and algorithm else ""


@dataclass(frozen=True)
class Lock:
    """What is vendored.

    Attributes:
        packages: Sorted by name.
        until: When to resolve again, seconds since 1970; infinity for what stands in a file.
    """

    packages: tuple[Locked, ...]
    until: float = math.inf

    @property
    def local(self) -> bool:
        """Whether anything in it can change under its name."""
        return any(each.local for each in self.packages)

    @property
    def text(self) -> str:
        """The lock as it travels in the image: names, versions and hashes, whichever index or mirror gave the files."""
        return pylock_text(_identity(each) for each in self.packages)


def made_for(runtime: Runtime) -> str:
    """Return what our own locks say of the runtime that they are for."""
    return f"CPython {runtime.python} on {runtime.platform}"


def parse(text: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ValueError: When it is none.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply to be read") from None


def file_name(file: Mapping[str, Any]) -> str:
    """Return the name of a file that a lock describes."""
    return str(
        file.get("name") or posixpath.basename(unquote(urlsplit(file.get("url", "")).path)) or Path(file["path"]).name
    )


def pylock_text(tables: Iterable[Mapping[str, Any]], tool: Mapping[str, str] | None = None) -> str:
    """Write a pylock.toml of package tables."""
    tables = list(tables)
    lines = ['lock-version = "1.0"', f'created-by = "{TOOL}"', *([] if tables else ["packages = []"])]
    for table in tables:
        lines += ["", "[[packages]]"]
        lines += [f"{name} = {_toml(value)}" for name, value in table.items()]
    if tool:
        lines += ["", f"[tool.{TOOL}]", *(f"{name} = {_toml(value)}" for name, value in tool.items())]
    return "\n".join(lines) + "\n"


def project_table(table: Mapping[str, Any], base: Path, root: Path) -> dict[str, Any]:
    """Return what a project's own pylock.toml says of a package.

    Files of the public index keep their addresses. Others are named by hash, and found again on the indexes that are
    configured wherever the lock is used: an address may hold what opens a door.

    Args:
        table: As uv wrote it.
        base: Folder that its relative paths start from.
        root: The project's.
    """
    kept = {name: value for name, value in table.items() if name not in ("index", "wheels", *SOURCES)}
    index = public_address(table.get("index", ""))
    if index and urlsplit(index).hostname in _PUBLIC_INDEXES:
        kept["index"] = index
    for kind in ("wheels", *SOURCES):
        if kind == "wheels" and kind in table:
            kept[kind] = [_project_file(each, base, root) for each in table[kind]]
        elif kind in table:
            kept[kind] = _project_file(table[kind], base, root, index=kind == "sdist")
    return kept


def _project_file(file: Mapping[str, Any], base: Path, root: Path, *, index: bool = True) -> dict[str, Any]:
    kept = {name: value for name, value in file.items() if name not in ("url", "path", "upload-time")}
    url = urlsplit(file.get("url", ""))
    if url.scheme == "file" or "path" in file:
        path = Path(unquote(url.path)) if url.scheme == "file" else base / file["path"]
        place = {"path": _relative(path, root)}
    elif index and url.hostname not in _PUBLIC_INDEXES:
        place = {"path": file_name(file)}
    else:
        user = "git@" if url.username == "git" and not url.password else ""  # how SSH is spoken to forges
        place = {"url": url._replace(netloc=user + url.netloc.rpartition("@")[2], query="", fragment="").geturl()}
    return {**place, **kept}


def _relative(path: Path, root: Path) -> str:
    path, root = path.resolve(), root.resolve()
    above = next((number for number, each in enumerate((root, *root.parents)) if path.is_relative_to(each)), None)
    if above is None:  # another drive
        return path.as_posix()
    return "/".join([*[".."] * above, *path.relative_to((root, *root.parents)[above]).parts]) or "."


def _identity(locked: Locked) -> dict[str, Any]:
    """Return what decides a distribution: its name, version and hash. By what may leave; all else stays here."""
    place = locked.wheel or file_name(locked.file) if locked.kind in ("archive", "sdist", "wheels") else ""
    file: dict[str, Any] = {"path": place if place == locked.wheel or _SDIST.fullmatch(place) else locked.name}
    if locked.kind == "vcs":
        file = {"type": locked.file["type"], **file, "commit-id": locked.file["commit-id"]}
    algorithm = _best(locked.hashes)
    if algorithm:
        file["hashes"] = {algorithm: locked.hashes[algorithm]}
    table: dict[str, Any] = {"name": locked.name}
    if locked.version:
        table["version"] = locked.version
    # Whoever searches the image takes what stands below "wheels" for public: a folder of this machine is no index.
    kind = "archive" if locked.kind == "wheels" and locked.local else locked.kind
    table[kind] = [file] if kind == "wheels" else file
    return table


def _best(hashes: Mapping[str, str]) -> str:
    return "sha256" if "sha256" in hashes else min(hashes, default="")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
