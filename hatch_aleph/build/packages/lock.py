"""Writes or refreshes ``pylock.toml`` for the runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_aleph import runtimes
from hatch_aleph.build.cache import Cache
from hatch_aleph.build.packages.inputs import gather
from hatch_aleph.build.packages.pylock import made_for, parse, project_table, pylock_text
from hatch_aleph.build.packages.resolve import Resolver
from hatch_aleph.build.packages.solver import Solver
from hatch_aleph.build.workplace import with_workplace
from hatch_aleph.commands import typed
from hatch_aleph.errors import DependencyError
from hatch_aleph.files import write_atomic
from hatch_aleph.uv import Uv, left_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_aleph.build.workplace import Workplace
    from hatch_aleph.project import Project


@dataclass(frozen=True)
class LockChange:
    """What a new lock says that the old one did not.

    Attributes:
        file: The lock.
        added: ``name version``.
        removed: ``name version``.
        changed: ``name old -> new``.
    """

    file: Path
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def write_lock(
    project: Project,
    profile: str | None,
    *,
    upgrade: tuple[str, ...] | bool = False,
    check: bool = False,
    offline: bool = False,
    notice: Callable[[str], None] = lambda _: None,
) -> LockChange:
    """Resolve the project's dependencies for its runtime and write ``pylock.toml``.

    Versions of a lock that is there are kept where they still fit.

    Args:
        project: Whose dependencies.
        profile: Whose extras, groups and runtime.
        upgrade: Names that may change all the same, or True for all.
        check: Write nothing; a lock that would change is an error.
        offline: Ask no index.
        notice: Called with what the user should know.

    Raises:
        DependencyError: When there is no solution, or the lock is stale and ``check`` is set.
    """
    ignored = left_out()
    if ignored:
        notice(ignored)
    settings = project.settings(profile)
    runtime = runtimes.chosen(settings.runtime, settings.python)
    cache = Cache.default()
    inputs = gather(project, settings, runtime)
    file = project.root / "pylock.toml"
    old = file.read_text("utf-8") if file.is_file() else ""
    before = _versions(old, str(file))
    options = ["--upgrade"] if upgrade is True else [f"--upgrade-package={name}" for name in upgrade or ()]

    def locked(place: Workplace) -> str:
        solver = Solver(project, settings, Uv(project.root, runtime, None, offline=offline, cache=place.uv_cache))
        resolved = parse(Resolver(solver, cache, place.scratch, notice).with_preferences(inputs, options))
        tables = [project_table(each, place.scratch, project.root) for each in resolved.get("packages", [])]
        return pylock_text(tables, {"for": made_for(runtime), "wanted": inputs.wanted})

    text = with_workplace(cache, locked, notice)
    change = _compare(file, before, _versions(text, str(file)))
    if check and text != old:
        raise DependencyError(
            "The lock is out of date." if old else "There is no lock.", where=str(file), hint=typed("lock")
        )
    if text != old and not check:
        try:
            write_atomic(file, text, durable=True)
        except OSError as error:
            raise DependencyError(error.strerror or "The lock cannot be written.", where=str(file)) from error
    return change


def _versions(text: str, where: str) -> dict[str, str]:
    from packaging.pylock import Pylock, PylockValidationError

    try:
        packages = Pylock.from_dict(parse(text)).packages if text else ()
        return {each.name: str(each.version or "") for each in packages}
    except (ValueError, PylockValidationError) as error:
        raise DependencyError(
            f"This is not a pylock.toml: {error}.", where=where, hint=f"Remove it, and write it again: {typed('lock')}"
        ) from error


def _compare(file: Path, old: dict[str, str], new: dict[str, str]) -> LockChange:
    return LockChange(
        file,
        added=tuple(f"{name} {new[name]}".strip() for name in sorted(new.keys() - old.keys())),
        removed=tuple(f"{name} {old[name]}".strip() for name in sorted(old.keys() - new.keys())),
        changed=tuple(
            f"{name} {old[name]} -> {new[name]}" for name in sorted(new.keys() & old.keys()) if new[name] != old[name]
        ),
    )
