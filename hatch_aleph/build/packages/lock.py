"""A lock: which files of which distributions, exactly. Reads and writes pylock.toml (PEP 751)."""

from __future__ import annotations

import json
import math
import posixpath
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from hatch_aleph.errors import DependencyError
from hatch_aleph.text import without_user_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatch_aleph.runtimes import Runtime

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOOL = "hatch-aleph"  # our table in a pylock.toml
_SOURCES = ("vcs", "directory", "archive", "sdist")


@dataclass(frozen=True)
class Locked:
    """One distribution of a lock, for one runtime.

    Attributes:
        name: Normalised.
        version: "" when only a build will tell.
        wheel: File name of the chosen wheel, or "" for what is built from source.
        hashes: Of the chosen file, by algorithm.
        table: What pylock.toml says about the chosen file, ready for uv.
    """

    name: str
    version: str
    wheel: str
    hashes: Mapping[str, str]
    table: Mapping[str, Any] = field(repr=False)

    @property
    def local(self) -> bool:
        """Whether it is a folder or a repository: its content can change under the same name."""
        return "directory" in self.table or "vcs" in self.table

    @property
    def digest(self) -> str:
        """What stands for the wheel in cache keys; "" for what is known only once it is built."""
        algorithm = "sha256" if "sha256" in self.hashes else min(self.hashes, default="")
        return f"{algorithm}:{self.hashes[algorithm]}" if self.wheel and algorithm else ""


@dataclass(frozen=True)
class Lock:
    """What is vendored.

    Attributes:
        packages: Sorted by name.
        until: When to resolve anew, seconds since 1970; infinity for what stands in a file.
    """

    packages: tuple[Locked, ...]
    until: float = math.inf

    @property
    def text(self) -> str:
        """The lock as it travels in the image: no credentials, no paths of this machine."""
        return pylock_text(({**each.table, **_public(each.table)} for each in self.packages), "hatch-aleph")


def made_for(runtime: Runtime) -> str:
    """Return what our own locks say of the runtime that they are for."""
    return f"CPython {runtime.python} on {runtime.platform}"


def parse(text: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ValueError: When it is none.
    """
    return tomllib.loads(text)


def normalize(name: str) -> str:
    """Return a name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(text: str, runtime: Runtime, *, base: Path, where: str, chosen: bool = False) -> Lock:
    """Choose from a pylock.toml what the runtime takes.

    Args:
        text: The file.
        runtime: Decides markers and wheels.
        base: Folder that its relative paths start from.
        where: What to name in errors.
        chosen: It was made for this runtime alone: its markers are true and its files are the right ones.

    Raises:
        DependencyError: When it is no such lock, or has nothing for this runtime.
    """
    try:
        data = parse(text)
        tables = data.get("packages", [])
        chosen = chosen or data.get("tool", {}).get(TOOL, {}).get("for") == made_for(runtime)
        selected = [_only(each, runtime) for each in tables] if chosen else _select(data, runtime, where)
        packages = [_locked(table, kind, base) for table, kind in selected]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DependencyError(f"not a pylock.toml: {error}", where=where, hint="Write it: hatch-aleph lock") from error
    return Lock(tuple(sorted(packages, key=lambda each: each.name)))


def pylock_text(tables: Iterable[Mapping[str, Any]], creator: str, tool: Mapping[str, str] | None = None) -> str:
    """Write a pylock.toml of package tables."""
    lines = ['lock-version = "1.0"', f"created-by = {json.dumps(creator)}"]
    for table in tables:
        lines += ["", "[[packages]]"]
        lines += [f"{name} = {_toml(value)}" for name, value in table.items()]
    if tool:
        lines += ["", f"[tool.{TOOL}]", *(f"{name} = {_toml(value)}" for name, value in tool.items())]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _only(table: Mapping[str, Any], runtime: Runtime) -> tuple[Mapping[str, Any], str]:
    """Return what to take of a package that is known to have something for the runtime."""
    wheels = table.get("wheels") or ()
    if len(wheels) > 1:
        from hatch_aleph.build.packages.target import rank

        best = rank([each.get("name") or _name(each) for each in wheels], runtime)
        return {**table, "wheels": [wheels[best]]}, "wheels"
    return table, "wheels" if wheels else next(kind for kind in _SOURCES if kind in table)


def _select(data: Mapping[str, Any], runtime: Runtime, where: str) -> list[tuple[Mapping[str, Any], str]]:
    from packaging.pylock import Pylock, PylockSelectError, PylockValidationError

    from hatch_aleph.build.packages.target import environment, tags

    try:
        lock = Pylock.from_dict(data)
        found = list(lock.select(environment=environment(runtime), tags=tags(runtime)))
    except PylockValidationError as error:
        raise DependencyError(f"not a pylock.toml: {error}", where=where, hint="Write it: hatch-aleph lock") from error
    except PylockSelectError as error:
        raise DependencyError(
            f"{error}, for CPython {runtime.python} on {runtime.platform}",
            where=where,
            hint="Lock for the runtime: hatch-aleph lock",
        ) from error
    tables = {id(package): table for package, table in zip(lock.packages, data["packages"], strict=True)}
    chosen: list[tuple[Mapping[str, Any], str]] = []
    for package, file in found:
        table = dict(tables[id(package)])
        kind = type(file).__name__.removeprefix("Package").lower()
        if kind == "wheel":
            names = [each.filename for each in package.wheels or ()]
            table["wheels"] = [table["wheels"][names.index(file.filename)]]  # type: ignore[union-attr]
        chosen.append((table, "wheels" if kind == "wheel" else kind))
    return chosen


def _locked(table: Mapping[str, Any], kind: str, base: Path) -> Locked:
    """Keep of a package's table what installing needs."""
    kept = {name: table[name] for name in ("name", "version", "index") if name in table}
    if kind == "wheels":
        file = _file(table["wheels"][0], base)
        kept["wheels"] = [file]
        wheel = table["wheels"][0].get("name") or _name(file)
    else:
        file = _file(table[kind], base)
        kept[kind] = file
        wheel = ""
        if kind == "archive" and _name(file).endswith(".whl"):
            wheel = _name(file)
    return Locked(normalize(table["name"]), str(table.get("version", "")), wheel, file.get("hashes", {}), kept)


def _file(table: Mapping[str, Any], base: Path) -> dict[str, Any]:
    # An editable install is a path of this machine.
    file = {name: value for name, value in table.items() if name not in ("upload-time", "editable")}
    if "path" in file:
        file["path"] = str((base / file["path"]).resolve())
    return file


def _name(file: Mapping[str, Any]) -> str:
    return posixpath.basename(unquote(urlsplit(file.get("url", "")).path)) or Path(file.get("path", "")).name


def _public(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a table that must not be published as they are."""
    changed: dict[str, Any] = {}
    for name, value in table.items():
        if name == "wheels":
            changed[name] = [_public_file(each) for each in value]
        elif isinstance(value, dict):
            changed[name] = _public_file(value)
        elif name == "index":
            changed[name] = without_user_parts(value)
    return changed


def _public_file(file: Mapping[str, Any]) -> dict[str, Any]:
    public = dict(file)
    if "url" in public and not public["url"].startswith("file:"):
        public["url"] = without_user_parts(public["url"])
    elif "url" in public or "path" in public:
        public.pop("url", None)
        public["path"] = _name(file)
    return public
