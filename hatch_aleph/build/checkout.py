"""What a checkout of a repository lacks: files that Git LFS keeps elsewhere, and submodules that nobody fetched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.files import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatch_aleph.squashfs import Entry

# git-lfs docs/spec.md, "The Pointer": its first line, and less than 1024 bytes.
_POINTER = b"version https://git-lfs.github.com/spec/"
_LARGEST = 1023
_SUBMODULE = re.compile(r"^\s*path\s*=\s*(.+?)\s*$", re.MULTILINE)
_NAMED = 3  # that fit a line


def lfs_pointers(entries: Iterable[Entry]) -> Iterator[str]:
    """Tell, in one line, of files that are pointers: an image would hold these few bytes in place of the content."""
    found = [entry.path for entry in entries if _is_pointer(entry)]
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        names = ", ".join(found[:_NAMED]) + more
        yield f"pointers of Git LFS stand in place of files: {names}; fetch them: git lfs pull"


def empty_submodules(root: Path) -> Iterator[str]:
    """Tell of submodules in a project's folder that are empty."""
    for path in _SUBMODULE.findall(text_of(root / ".gitmodules")):
        folder = root / path
        if folder.is_dir() and next(folder.iterdir(), None) is None:
            yield f"the submodule {path} is empty: git submodule update --init"


def _is_pointer(entry: Entry) -> bool:
    if not isinstance(entry.source, Path):
        return False
    try:
        if not len(_POINTER) < entry.source.stat().st_size <= _LARGEST:
            return False
        with entry.open() as stream:
            return stream.read(len(_POINTER)) == _POINTER
    except OSError:  # whoever packs it says so
        return False
