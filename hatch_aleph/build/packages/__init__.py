"""The packages image: a project's dependencies, right for the runtime, with ready bytecode, built once."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from hatch_aleph.artifact import Distribution, Image, papers
from hatch_aleph.build.cache import Cache, key_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_aleph.artifact import FileHashes
    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.project import Project
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings

NOTE = 2  # raised whenever what is noted of a finished build has another form
FORMAT = 2  # raised whenever the same inputs give another image


class Published(Protocol):
    """Knows images that others have built of the same inputs: they need not be built again."""

    def __call__(self, inputs: str, destination: Path) -> FileHashes | None:
        """Put the image of these inputs in place, and return its hashes; None when there is none."""


@dataclass(frozen=True)
class PackagesResult:
    """What became of a project's dependencies.

    Attributes:
        image: The packages image; None when there are none.
        distributions: What is in it, pinned.
        warnings: What the user should know before publishing.
        until: How long the same inputs give this result, seconds since 1970: dependencies without a lock are resolved
            anew after some time, folders at each build.
    """

    image: Image | None
    distributions: tuple[Distribution, ...] = ()
    warnings: tuple[str, ...] = ()
    until: float = math.inf


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
        notice: Told what the user should know, a line each.
        progress: Told how many more distributions are ready, and of how many.
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
        for name in (f"{stem}-packages.squashfs", *papers(stem)):
            (destination / name).unlink(missing_ok=True)
        return PackagesResult(None)
    key = key_of(
        NOTE,
        FORMAT, inputs.digest, inputs.kind, str(project.root), str(destination.absolute()), stem,
        interpreter.version if interpreter else "", settings.exclude, settings.prune, asdict(settings.compression),
        settings.budget_mib, settings.adapter, locked,
    )  # fmt: skip
    earlier = _earlier(cache, key, destination, offline=offline)
    if earlier is not None:
        return earlier
    from hatch_aleph.build.packages.assemble import Assembly

    assembly = Assembly(project, settings, runtime, interpreter, destination, stem, cache, notice, progress, published)
    result = assembly.build(inputs, locked=locked, offline=offline)
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
    for file in (image, *map(image.with_name, papers(stem))):
        try:
            status = file.stat()
        except OSError:
            return [None]
        stamps.append([file.name, status.st_size, status.st_mtime_ns, status.st_ino])
    return stamps
