"""Installs locked distributions with uv, for the runtime, into a folder of this build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.build.packages.lock import pylock_text
from hatch_aleph.build.packages.tree import installed
from hatch_aleph.errors import DependencyError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hatch_aleph.build.packages.lock import Locked
    from hatch_aleph.build.packages.tree import Tree
    from hatch_aleph.uv import Uv


def install(packages: Sequence[Locked], folder: Path, uv: Uv) -> dict[str, Tree]:
    """Install distributions and return what each brought, by name.

    Two distributions may bring the same file (namespace packages that do it wrong): each then gets a folder of its
    own, so that neither's files depend on which came last.

    Args:
        packages: What to install, dependencies not followed.
        folder: Empty.
        uv: Installs.

    Raises:
        DependencyError: When something cannot be fetched, built or verified.
    """
    together = folder / "together"
    _install(packages, together, uv)
    trees = installed(together)
    owners: dict[str, list[str]] = {}
    for name, tree in trees.items():
        for path in tree.files:
            owners.setdefault(path, []).append(name)
    shared = {name for names in owners.values() if len(names) > 1 for name in names}
    for package in packages:
        if package.name in shared:
            apart = folder / package.name
            _install([package], apart, uv)
            trees[package.name] = installed(apart)[package.name]
    missing = [package.name for package in packages if package.name not in trees]
    if missing:
        raise DependencyError(
            f"installed, but left no metadata: {', '.join(missing)}",
            hint="Its wheel is broken: choose another version.",
        )
    return trees


def _install(packages: Sequence[Locked], target: Path, uv: Uv) -> None:
    folder = target.parent / f"{target.name}.lock"
    folder.mkdir(parents=True)
    lock = folder / "pylock.toml"
    lock.write_text(pylock_text((each.table for each in packages), "hatch-aleph"), "utf-8")
    arguments = ["pip", "install", "--no-deps", "--target", str(target), "--requirements", str(lock)]
    # What lies in a folder or a repository may have changed under the same version.
    fresh = [
        f"--{option}={each.name}"
        for each in packages
        if each.local
        for option in ("refresh-package", "reinstall-package")
    ]
    arguments += [*fresh, *uv.python, *uv.target]
    # uv asks the index even for what it has; most of the time everything is there.
    if uv.run(arguments, offline=True).code:
        outcome = uv.run(arguments)
        if outcome.code:
            names = ", ".join(each.name for each in packages) if len(packages) < 4 else f"{len(packages)} distributions"  # noqa: PLR2004 - what fits a line
            raise outcome.error(names)
