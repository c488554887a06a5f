"""What goes into an image: entries, and a folder seen as entries."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .contents import Node
from .errors import SquashfsError
from .walking import FILE_MODE, walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from .contents import Kind

_CHUNK = 1 << 20


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

    def open(self) -> BinaryIO:
        """Open a file's bytes for reading, wherever they are; what is no file has none."""
        return self.source.open("rb") if isinstance(self.source, Path) else io.BytesIO(self.source or b"")

    def read(self) -> bytes:
        """Return all of a file's bytes."""
        with self.open() as stream:
            return stream.read()

    def sha256(self) -> str:
        """Return the digest of a file's bytes, in hexadecimal, read piece by piece."""
        state = hashlib.sha256()
        with self.open() as stream:
            while chunk := stream.read(_CHUNK):
                state.update(chunk)
        return state.hexdigest()

    def node(self) -> Node:
        """Measure it, for packing.

        Raises:
            SquashfsError: A file without a source, or whose source is missing or no file.
        """
        if self.kind != "file":
            return Node(self.path, self.kind, self.mode, self.target)
        if self.source is None:
            raise SquashfsError("a file without a source", path=self.path)
        if isinstance(self.source, bytes):
            return Node(self.path, "file", self.mode, None, self.source, len(self.source))
        source = os.fspath(self.source)
        try:
            status = os.stat(source)  # noqa: PTH116 - thousands of files: through pathlib it takes twice as long
        except OSError as error:
            raise SquashfsError(f"cannot be read: {error.strerror}", path=source) from error
        if not stat.S_ISREG(status.st_mode):
            raise SquashfsError("is not a regular file", path=source)
        return Node(self.path, "file", self.mode, None, source, status.st_size, status.st_mtime_ns)


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
