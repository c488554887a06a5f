"""Chooses from a pylock.toml what a runtime takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hatch_aleph.build.packages.pylock import SOURCES, TOOL, Lock, Locked, file_name, made_for, parse
from hatch_aleph.commands import typed
from hatch_aleph.errors import DependencyError
from hatch_aleph.files import sha256_of
from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from hatch_aleph.runtimes import Runtime

# Names from outside become parts of paths, arguments and addresses: nothing but these.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9.!+_-]*")
_WHEEL = re.compile(r"[\w.+!-]+\.whl")

Chosen = tuple["Mapping[str, Any]", str]  # a package's table with one file, and that file's kind


def read_lock(
    text: str,
    runtime: Runtime,
    *,
    base: Path,
    where: str,
    chosen: bool = False,
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
    allowed: Mapping[str, Collection[str]] | None = None,
) -> Lock:
    """Choose from a pylock.toml what the runtime takes.

    Args:
        text: The file.
        runtime: Decides markers and wheels.
        base: Folder that its relative paths start from.
        where: What to name in errors.
        chosen: It was made for this runtime alone: its markers are true and its files are the right ones.
        extras: Wanted extras of a lock that has several.
        groups: Wanted dependency groups of a lock that has several.
        allowed: By name, the hashes (``sha256:...``) that another lock allows; names that it lacks may have any.

    Raises:
        DependencyError: When it is no such lock, has nothing for this runtime, or a file has another hash.
    """
    try:
        data = parse(text)
        if allowed is not None:
            data["packages"] = [_allowed(each, allowed, where) for each in data.get("packages", [])]
        ours = chosen or data.get("tool", {}).get(TOOL, {}).get("for") == made_for(runtime)
        if ours:
            selected = [_only(each, runtime) for each in data.get("packages", [])]
        else:
            selected = _select(data, runtime, where, extras, groups)
        packages = [_locked(table, kind, base, where, fresh=chosen) for table, kind in selected]
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise _not_a_lock(error, where) from error
    return Lock(tuple(sorted(packages, key=lambda each: each.name)))


def _not_a_lock(error: Exception, where: str) -> DependencyError:
    return DependencyError(
        f"This is not a pylock.toml: {error}.", where=where, hint=f"Remove it, and write it again: {typed('lock')}"
    )


def _allowed(table: Mapping[str, Any], allowed: Mapping[str, Collection[str]], where: str) -> Mapping[str, Any]:
    """Return a package with the files alone that have an allowed hash."""
    hashes = allowed.get(normalize(table["name"]))
    if not hashes:
        return table

    def fits(file: Mapping[str, Any]) -> bool:
        return any(f"{name}:{value}" in hashes for name, value in file.get("hashes", {}).items())

    kept = {name: value for name, value in table.items() if name not in ("wheels", "sdist", "archive")}
    wheels = [each for each in table.get("wheels", ()) if fits(each)]
    if wheels:
        kept["wheels"] = wheels
    kept.update({kind: table[kind] for kind in ("sdist", "archive") if kind in table and fits(table[kind])})
    if kept.keys() & {"wheels", *SOURCES}:
        return kept
    raise DependencyError(
        f"Hash mismatch: no file for this runtime has one of the hashes of {table['name']} {table.get('version', '')}.",
        where=where,
        hint=f"Write the file again with the hashes of all wheels, or lock: {typed('lock')}",
    )


def _only(table: Mapping[str, Any], runtime: Runtime) -> Chosen:
    """Return what to take of a package that is known to have something for the runtime."""
    wheels = table.get("wheels") or ()
    if len(wheels) > 1:
        from hatch_aleph.build.packages.tags import best

        return {**table, "wheels": [wheels[best([file_name(each) for each in wheels], runtime)]]}, "wheels"
    return table, "wheels" if wheels else next(kind for kind in SOURCES if kind in table)


def _select(
    data: Mapping[str, Any], runtime: Runtime, where: str, extras: Sequence[str], groups: Sequence[str]
) -> list[Chosen]:
    from packaging.pylock import Pylock, PylockSelectError, PylockValidationError

    from hatch_aleph.build.packages.tags import environment, tags

    try:
        lock = Pylock.from_dict(data)
        # A lock that tells nothing of extras and groups was made for those that were wanted.
        found = list(
            lock.select(
                environment=environment(runtime),
                tags=tags(runtime),
                extras=_declared(extras, lock.extras),
                dependency_groups=[*_declared(groups, lock.dependency_groups), *(lock.default_groups or ())],
            )
        )
    except PylockValidationError as error:
        raise _not_a_lock(error, where) from error
    except PylockSelectError as error:
        raise DependencyError(
            f"{error}, for CPython {runtime.python} on {runtime.platform}",
            where=where,
            hint=f"Lock for the runtime: {typed('lock')}",
        ) from error
    tables = {id(package): table for package, table in zip(lock.packages, data["packages"], strict=True)}
    chosen: list[Chosen] = []
    for package, file in found:
        table = dict(tables[id(package)])
        kind = type(file).__name__.removeprefix("Package").lower()
        if kind == "wheel":
            names = [each.filename for each in package.wheels or ()]
            table["wheels"] = [table["wheels"][names.index(file.filename)]]  # type: ignore[union-attr]
        chosen.append((table, "wheels" if kind == "wheel" else kind))
    return chosen


def _declared(wanted: Sequence[str], declared: Sequence[str] | None) -> list[str]:
    known = {normalize(each) for each in declared or ()}
    return [each for each in map(normalize, wanted) if each in known]


def _locked(table: Mapping[str, Any], kind: str, base: Path, where: str, *, fresh: bool) -> Locked:
    """Keep of a package's table what installing needs."""
    file = _file(table["wheels"][0] if kind == "wheels" else table[kind], base, where, fresh=fresh)
    kept = {name: table[name] for name in ("name", "version", "index") if name in table}
    kept[kind] = [file] if kind == "wheels" else file
    name, version = normalize(table["name"]), str(table.get("version", ""))
    wheel = file_name(file) if kind in ("wheels", "archive") else ""
    wheel = wheel if kind == "wheels" or wheel.endswith(".whl") else ""
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version) or (wheel and not _WHEEL.fullmatch(wheel)):
        raise ValueError(f"{name!r} {version!r} {wheel!r} is no name, version and wheel")
    return Locked(name, version, kind, wheel, file.get("hashes", {}), kept)


def _file(table: Mapping[str, Any], base: Path, where: str, *, fresh: bool) -> dict[str, Any]:
    # An editable install is a path of this machine.
    file = {name: value for name, value in table.items() if name not in ("upload-time", "editable")}
    if "path" not in file:
        return file
    path = (base / file["path"]).resolve()
    file["path"] = str(path)
    if path.is_file():
        actual = {"sha256": sha256_of(path)}
        if fresh:  # uv may still know the file that was there before
            file["hashes"] = actual
        elif file.get("hashes", actual).get("sha256", actual["sha256"]) != actual["sha256"]:
            raise DependencyError(
                f"Hash mismatch: {path.name} is not the file that was locked.",
                where=where,
                hint=f"Lock it again: {typed('lock')}",
            )
    elif not path.exists() and file.get("hashes"):  # found by its hash, wherever an index has it
        file = {**file, "name": path.name}
        del file["path"]
    return file
