"""What goes into an image: entries, and a folder seen as entries."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .walking import FILE_MODE, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .contents import Kind


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in an image.

    Args:
        path: Relative POSIX path inside the image; bytes that are not UTF-8 stand as ``surrogateescape`` has them.
        kind: ``file``, ``directory``, ``symlink`` or ``hardlink``.
        mode: Permission bits only. Ignored for hard links.
        source: Where a file's bytes are: a path on disk, or the bytes themselves.
        target: The text of a symlink; for a hard link the path inside the image of the file that it is.
    """

    path: str
    kind: Kind
    mode: int = FILE_MODE
    source: Path | bytes | None = None
    target: str | None = None


def scan(root: Path, prefix: str = "", *, hardlinks: bool = False) -> Iterator[Entry]:
    """Yield what ``root`` holds, directories before their content, sorted in each, under the mode policy.

    Directories and executable files get mode 0755, other files 0644, whatever the umask was when they were made.

    Args:
        root: The folder; itself it is no entry.
        prefix: Path inside the image under which all of it goes.
        hardlinks: Tell names of one file as hard links. Off by default: the same content then gives the same image
            however it came to the disk; equal files share their blocks in either case.

    Raises:
        SquashfsError: A socket, pipe or device, or something unreadable.
    """
    for node in walk(os.fspath(root), prefix, hardlinks=hardlinks):
        source = Path(node.source) if isinstance(node.source, str) else None
        yield Entry(node.path, node.kind, node.mode, source, node.target)
