"""Files that several distributions bring: each path goes into an image once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.build.bytecode import bytecode_path
from hatch_aleph.squashfs import Segment
from hatch_aleph.squashfs.contents import Contents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_aleph.build.packages.wheel_cache import PackedWheel
    from hatch_aleph.runtimes import Runtime


def without_overlaps(wheels: Sequence[PackedWheel], runtime: Runtime) -> tuple[list[Segment], list[str]]:
    """Return the segments with each path in one of them only, that of the first distribution by name, and warnings.

    A source that goes takes its bytecode along: unchecked bytecode of another source would run in its place. Equal
    files are not worth a warning.
    """
    owners: dict[str, PackedWheel] = {}
    segments, warnings = [], []
    for each in wheels:
        old = each.segment
        doubles = {node.path for node in old.contents.nodes if node.kind != "directory" and node.path in owners}
        warnings += _warnings(each, doubles, owners)
        doubles |= {bytecode_path(path, runtime) for path in doubles if path.endswith(".py")}
        for node in old.contents.nodes:
            if node.kind != "directory":
                owners.setdefault(node.path, each)
        kept = [node for node in old.contents.nodes if node.path not in doubles]
        segments.append(
            Segment(old.file, old.layout_key, Contents(kept, old.contents.fragments, old.contents.length), old.sha256)
        )
    return segments, warnings


def _warnings(wheel: PackedWheel, doubles: set[str], owners: dict[str, PackedWheel]) -> list[str]:
    """Return a line for each distribution that brings other content under the same paths."""
    differing: dict[str, list[str]] = {}
    for path in sorted(doubles):
        other = owners[path]
        mine, theirs = wheel.hashes.get(path), other.hashes.get(path)
        if "/__pycache__/" not in f"/{path}" and not (mine and mine == theirs):
            differing.setdefault(other.name, []).append(path)
    return [
        f"{name} and {wheel.name} both bring "
        + (f"{paths[0]}; that" if len(paths) == 1 else f"{len(paths)} files that differ, such as {paths[0]}; those")
        + f" of {name} {'is' if len(paths) == 1 else 'are'} taken"
        for name, paths in differing.items()
    ]
