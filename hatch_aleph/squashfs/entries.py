"""What goes into an image: entries, and a folder seen as entries."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .errors import SquashfsError

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["file", "directory", "symlink", "hardlink"]

DIRECTORY_MODE = 0o755
EXECUTABLE_MODE = 0o755
FILE_MODE = 0o644

_SPECIAL = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in an image.

    Args:
        path: Relative POSIX path inside the image; bytes that are not UTF-8 stand as ``surrogateescape`` has them.
        kind: ``file``, ``directory``, ``symlink`` or ``hardlink``.
        mode: Permission bits only. Ignored for links.
        source: Where a file's bytes are: a path on disk, or the bytes themselves.
        target: The text of a symlink; for a hard link the path inside the image of the file that it is.
    """

    path: str
    kind: Kind
    mode: int = FILE_MODE
    source: Path | bytes | None = None
    target: str | None = None


def scan(root: Path, prefix: str = "", *, hardlinks: bool = False) -> Iterator[Entry]:
    """Yield what ``root`` holds, sorted by path, directories before their content, under the mode policy.

    Directories and executable files get mode 0755, other files 0644, whatever the umask was when they were made.

    Args:
        root: The folder; itself it is no entry.
        prefix: Path inside the image under which all of it goes.
        hardlinks: Tell names of one file as hard links. Off by default: the same content then gives the same image
            however it came to the disk; equal files share their blocks in either case.

    Raises:
        SquashfsError: A socket, pipe or device, something unreadable, or a name that cannot be in an image.
    """
    base = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    originals: dict[tuple[int, int], str] | None = {} if hardlinks else None
    folders = [(os.fspath(root), base)]
    while folders:
        folder, base = folders.pop()
        subfolders = []
        for item in _listing(folder):
            path = base + _portable(item.name)
            entry = _entry(item, path, originals)
            yield entry
            if entry.kind == "directory":
                subfolders.append((item.path, f"{path}/"))
        folders.extend(reversed(subfolders))


def _listing(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return sorted(items, key=_name)
    except OSError as error:
        raise SquashfsError(f"cannot be listed: {error.strerror}", path=folder) from error


def _name(item: os.DirEntry[str]) -> str:
    return item.name


def _portable(name: str) -> str:
    """Undo the file system encoding of this process, so that the locale does not show in the image."""
    if sys.getfilesystemencoding() == "utf-8":
        return name
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def _entry(item: os.DirEntry[str], path: str, originals: dict[tuple[int, int], str] | None) -> Entry:
    try:
        status = item.stat(follow_symlinks=False)
        mode = status.st_mode
        if stat.S_ISREG(mode):
            if originals is not None and status.st_nlink > 1:
                original = originals.setdefault((status.st_dev, status.st_ino), path)
                if original != path:
                    return Entry(path, "hardlink", target=original)
            return Entry(path, "file", _file_mode(item.path, mode), Path(item.path))
        if stat.S_ISDIR(mode):
            return Entry(path, "directory", DIRECTORY_MODE)
        if stat.S_ISLNK(mode):
            return Entry(path, "symlink", 0o777, target=_link_target(item.path))
    except OSError as error:
        raise SquashfsError(f"cannot be read: {error.strerror}", path=item.path) from error
    raise SquashfsError(
        f"is {_SPECIAL.get(stat.S_IFMT(mode), 'no file, directory or link')}, which an image cannot hold",
        path=item.path,
        hint="remove it or leave it out",
    )


def _file_mode(source: str, mode: int) -> int:
    if os.name == "nt":  # no such bits there: what names its interpreter is meant to be run
        with Path(source).open("rb") as file:
            return EXECUTABLE_MODE if file.read(2) == b"#!" else FILE_MODE
    return EXECUTABLE_MODE if mode & 0o111 else FILE_MODE


def _link_target(source: str) -> str:
    target = os.readlink(source)  # noqa: PTH115 - the text as it stands, which Path would tidy
    if os.name == "nt":
        target = target.removeprefix("\\\\?\\").replace("\\", "/")
    return _portable(target)
