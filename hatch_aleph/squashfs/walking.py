"""A folder on disk, name by name."""

from __future__ import annotations

import os
import stat
import sys
from operator import attrgetter

from .contents import Node
from .errors import SquashfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Originals = dict[tuple[int, int], str]

DIRECTORY_MODE = 0o755
EXECUTABLE_MODE = 0o755
FILE_MODE = 0o644

_by_name = attrgetter("name")
_SPECIAL = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


def walk(root: str, prefix: str = "", *, hardlinks: bool = False) -> Iterator[Node]:
    """Yield what a folder holds, under the mode policy; for the contract see ``entries.scan``.

    Raises:
        SquashfsError: A socket, pipe or device, or something unreadable.
    """
    base = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    originals: Originals | None = {} if hardlinks else None
    same_encoding = sys.getfilesystemencoding() == "utf-8"
    folders = [(root, base)]
    while folders:
        folder, base = folders.pop()
        subfolders = []
        for item in _listing(folder):
            path = base + (item.name if same_encoding else _portable(item.name))
            try:
                node = _node(item, path, originals)
            except OSError as error:
                raise SquashfsError(f"cannot be read: {error.strerror}", path=item.path) from error
            yield node
            if node.kind == "directory":
                subfolders.append((item.path, f"{path}/"))
        subfolders.reverse()
        folders += subfolders


def _listing(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return sorted(items, key=_by_name)
    except OSError as error:
        raise SquashfsError(f"cannot be listed: {error.strerror}", path=folder) from error


def _node(item: os.DirEntry[str], path: str, originals: Originals | None) -> Node:
    status = item.stat(follow_symlinks=False)
    mode = status.st_mode
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFREG:
        if originals is not None and status.st_nlink > 1:
            original = originals.setdefault((status.st_dev, status.st_ino), path)
            if original != path:
                return Node(path, "hardlink", 0, original)
        permissions = _file_mode(item.path, mode)
        return Node(path, "file", permissions, None, item.path, status.st_size, status.st_mtime_ns)
    if kind == stat.S_IFDIR:
        return Node(path, "directory", DIRECTORY_MODE)
    if kind == stat.S_IFLNK:
        return Node(path, "symlink", 0o777, _link_target(item.path))
    raise SquashfsError(
        f"is {_SPECIAL.get(kind, 'no file, directory or link')}, which an image cannot hold",
        path=item.path,
        hint="remove it or leave it out",
    )


def _portable(name: str) -> str:
    """Undo the file system encoding of this process, so that the locale does not show in the image."""
    if sys.getfilesystemencoding() == "utf-8":
        return name
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def _file_mode(source: str, mode: int) -> int:
    if os.name == "nt":  # no such bits there: what names its interpreter is meant to be run
        with open(source, "rb") as file:  # noqa: PTH123 - without pathlib, see contents.py
            return EXECUTABLE_MODE if file.read(2) == b"#!" else FILE_MODE
    return EXECUTABLE_MODE if mode & 0o111 else FILE_MODE


def _link_target(source: str) -> str:
    target = os.readlink(source)  # noqa: PTH115 - the text as it stands, which Path would tidy
    if os.name == "nt":
        target = target.removeprefix("\\\\?\\").replace("\\", "/")
    return _portable(target)
