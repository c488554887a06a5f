"""The packages image: a project's dependencies, right for the runtime, with ready bytecode, built once."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hatch_aleph.artifact import Distribution, Image, lock_and_sbom_names
from hatch_aleph.build.cache import Cache, key_of
from hatch_aleph.build.packages.result import PackagesResult, Published

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.project import Project
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings

__all__ = ["PackagesResult", "Published", "build_packages", "holds_module"]

FORMAT = 3  # raised whenever the same inputs give another image, or what is noted of a build has another form


def build_packages(
    project: Project,
    settings: Settings,
    runtime: Runtime,
    destination: Path,
    *,
    stem: str,
    interpreter: Interpreter | None,
    cache: Cache | None = None,
    notice: Callable[[str], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda _more, _total: None,
    locked: bool = False,
    offline: bool = False,
    published: Published | None = None,
) -> PackagesResult:
    """Write the packages image, its lock and its bill of materials, unless they are there already.

    Args:
        project: Whose dependencies.
        settings: What to vendor, leave out and how to compress.
        runtime: What it is vendored for.
        destination: Folder for the files.
        stem: First part of their names.
        interpreter: Makes the bytecode; None for none.
        cache: The user's own by default.
        notice: Called with what the user should know, a line each.
        progress: Called with how many more distributions are ready, and of how many.
        locked: Refuse a missing or stale lock.
        offline: Ask no index.
        published: Fetches an image of the same inputs, if there is one.

    Raises:
        SettingsError: For extras and groups that the project does not have.
        DependencyError: When a dependency cannot be resolved, fetched, verified or run.
        ImageError: When the image cannot be written, or is above the budget.
    """
    from hatch_aleph.build.packages.inputs import gather

    cache = cache or Cache.default()
    inputs = gather(project, settings, runtime)
    if not inputs.any:
        for name in (f"{stem}-packages.squashfs", *lock_and_sbom_names(stem)):
            (destination / name).unlink(missing_ok=True)
        return PackagesResult(None)
    key = key_of(
        FORMAT, inputs.digest, inputs.unread, str(project.root), str(destination.absolute()), stem,
        interpreter.version if interpreter else "", settings.exclude, settings.prune, asdict(settings.compression),
        settings.budget_mib, settings.adapter, locked,
    )  # fmt: skip
    earlier = _earlier(cache, key, destination, offline=offline)
    if earlier is not None:
        return earlier
    from hatch_aleph.build.packages.image import ImageBuild
    from hatch_aleph.build.packages.recipe import Recipe

    recipe = Recipe(settings, runtime, interpreter)
    work = ImageBuild(project, recipe, destination, stem, cache, notice, progress, published)
    result = work.build(inputs, locked=locked, offline=offline)
    if result.image is not None and result.until > time.time():
        _remember(cache, key, destination / result.image.file, result)
    return result


def _earlier(cache: Cache, key: str, destination: Path, *, offline: bool) -> PackagesResult | None:
    """Return the result of an earlier build whose files are all as it left them."""
    known = cache.load("builds", key)
    if not known or not (offline or known["until"] > time.time()):
        return None
    image = Image(**known["image"])
    if _stamps(destination / image.file) != known["stamps"]:
        return None
    distributions = tuple(
        Distribution(name, version, tuple(hashes)) for name, version, hashes in known["distributions"]
    )
    return PackagesResult(image, distributions, tuple(known["warnings"]), known["until"])


def _remember(cache: Cache, key: str, image: Path, result: PackagesResult) -> None:
    cache.store(
        "builds",
        key,
        {
            "until": result.until,
            "image": asdict(result.image) if result.image else None,
            "stamps": _stamps(image),
            "distributions": [[each.name, each.version, each.hashes] for each in result.distributions],
            "warnings": result.warnings,
        },
    )


def _stamps(image: Path) -> list[Any]:
    """Return what changes when the image, its lock or its bill of materials is changed or replaced."""
    stamps: list[Any] = []
    stem = image.name.removesuffix("-packages.squashfs")
    for file in (image, *map(image.with_name, lock_and_sbom_names(stem))):
        try:
            status = file.stat()
        except OSError:
            return [None]
        stamps.append([file.name, status.st_size, status.st_mtime_ns, status.st_ino])
    return stamps
