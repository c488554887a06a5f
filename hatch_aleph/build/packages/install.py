"""Installs locked distributions with uv, for the runtime, into a folder of this build."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from shutil import rmtree
from typing import TYPE_CHECKING

from hatch_aleph.build.packages.distribution import installed
from hatch_aleph.build.packages.pylock import pylock_text
from hatch_aleph.errors import DependencyError
from hatch_aleph.observer import Observer
from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from hatch_aleph.build.packages.distribution import InstalledWheel
    from hatch_aleph.build.packages.pylock import Locked
    from hatch_aleph.uv import Uv

_NAMED = 3  # names that fit a line


def install(
    packages: Sequence[Locked], folder: Path, uv: Uv, observer: Observer, *, afresh: Collection[str] = ()
) -> dict[str, InstalledWheel]:
    """Install distributions and return what each brought, by name.

    Two distributions may bring the same file (namespace packages that do it wrong): each then gets a folder of its
    own, so that neither's files depend on which came last.

    Args:
        packages: What to install, dependencies not followed.
        folder: Empty.
        uv: Installs.
        observer: Receives how much of what is missing here is fetched.
        afresh: Names of what is fetched again, since uv's cache of it was changed.

    Raises:
        DependencyError: When something cannot be fetched, built or verified.
    """
    wheels = _install(packages, folder / "together", uv, observer)
    owners = Counter(path for wheel in wheels.values() for path in wheel.files)
    for package in packages:
        if package.name in afresh:
            cache = ["--cache-dir", str(folder / "uv-cache")]
            wheels[package.name] = _install([package], folder / package.name, uv, observer, cache)[package.name]
        elif package.name in wheels and any(owners[path] > 1 for path in wheels[package.name].files):
            wheels[package.name] = _install([package], folder / package.name, uv, observer)[package.name]
    missing = [package.name for package in packages if package.name not in wheels]
    if missing:
        raise DependencyError(
            f"Installed, but left no metadata: {', '.join(missing)}.",
            hint="Its wheel is broken: choose another version.",
        )
    return wheels


def _install(
    packages: Sequence[Locked], target: Path, uv: Uv, observer: Observer, options: Sequence[str] = ()
) -> dict[str, InstalledWheel]:
    folder = target.parent / f"{target.name}.lock"
    folder.mkdir(parents=True)
    lock = folder / "pylock.toml"
    lock.write_text(pylock_text(each.table for each in packages), "utf-8")
    arguments = ["pip", "install", "--no-deps", "--target", str(target), "--requirements", str(lock)]
    # What lies in a folder or a repository may have changed under the same version; to refresh it means the same to uv,
    # but for being refused offline.
    fresh = [f"--reinstall-package={each.name}" for each in packages if each.local]
    arguments += [*options, *fresh, *uv.python, *uv.target]
    # uv asks the index even for what it has; most of the time everything is there.
    outcome = uv.run(arguments, offline=True)
    unsafe, lost = outcome.unsafe, outcome.lost
    if outcome.code:
        rmtree(target, ignore_errors=True)  # a distribution of which it wrote a part would count as installed
        progress = _Progress(packages, observer)
        outcome = uv.run(arguments, heard=progress.line)
        progress.end(ended_well=not outcome.code)
        unsafe, lost = unsafe + outcome.unsafe, {**lost, **outcome.lost}
    if unsafe:
        raise _refusal(packages, unsafe, folder, uv)
    if outcome.code:
        raise outcome.error(_names(packages))
    found = installed(target, str(uv.interpreter or sys.executable))
    return {
        name: replace(wheel, lost=tuple(path for path in lost.get(name, ()) if path not in wheel.files))  # listed twice
        for name, wheel in found.items()
    }


def _refusal(packages: Sequence[Locked], unsafe: Sequence[str], folder: Path, uv: Uv) -> DependencyError:
    """Return the error for paths that lead out of a wheel; uv forgets the wheel, so that it is judged at each build."""
    uv.run(["cache", "clean", *(each.name for each in packages)])
    if len(packages) > 1 and not uv.offline:  # the log does not tell whose they are
        for number, each in enumerate(packages):
            _install([each], folder / f"apart{number}", replace(uv, cache=folder / "uv"), Observer())
    return DependencyError(
        f"The wheel brings files that no image may hold: {', '.join(map(repr, dict.fromkeys(unsafe)))}.",
        where=_names(packages),
        hint="The wheel is broken or hostile: choose another version.",
    )


def _names(packages: Sequence[Locked]) -> str:
    names = [each.name for each in packages]
    return ", ".join(names) if len(names) <= _NAMED else f"{len(names)} distributions"


class _Progress:
    """How much is fetched, by what uv says of each large file; small ones it mentions all together."""

    def __init__(self, packages: Sequence[Locked], observer: Observer) -> None:
        self._sizes = {each.name: int(each.file.get("size") or 0) for each in packages}
        self._observer = observer
        self._fetched = 0
        observer.step("fetch", count=len(packages))
        observer.progress("fetch", 0, sum(self._sizes.values()))

    def line(self, text: str) -> None:
        """Take a line of uv."""
        word, _, name = text.strip().partition(" ")
        if word == "Prepared":
            self._fetched = sum(self._sizes.values())
        elif word in ("Downloaded", "Built"):
            self._fetched += self._sizes.get(normalize(name.partition("==")[0].partition(" ")[0]), 0)
        elif word not in ("Downloading", "Building"):
            return
        self._observer.progress("fetch", self._fetched, sum(self._sizes.values()))

    def end(self, *, ended_well: bool) -> None:
        """Tell the end; after a failure the error does."""
        if ended_well:
            self._observer.done("fetch", count=len(self._sizes), size=sum(self._sizes.values()))
