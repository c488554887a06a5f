"""Unpack an image into a folder, and never outside of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .errors import SquashfsError
from .reader import Member, open_image

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def unpack(image: Path, folder: Path, limit: int | None = None) -> int:
    """Write what an image holds into a folder and return the number of names.

    Holes stay holes where the file system has them. More than ``limit`` bytes besides them are refused; without one,
    more than an honest image of that size holds (``reader.Image``).

    Names that could lead elsewhere are refused. Symlinks are made last, when nothing is written any more: so none
    that the image holds can be followed. The folder must be new or empty, so none that was there can be either.

    Raises:
        SquashfsError: The folder is not empty or cannot be written; the image is damaged or malicious.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise SquashfsError("is not empty", path=str(folder), hint="unpack into a new folder")
        return _unpack(image, folder, limit)
    except OSError as error:
        raise SquashfsError(f"cannot be written: {error.strerror}", path=str(error.filename or folder)) from error


def _unpack(image: Path, folder: Path, limit: int | None) -> int:
    links: list[Member] = []
    directories: list[Member] = []
    count = 0
    with open_image(image, limit) as opened:
        for member, inode in opened.members():
            count += 1
            place = folder / _native(member.path)
            if member.kind == "directory":
                place.mkdir()
                directories.append(member)
            elif member.kind == "file":
                _write(place, opened.pieces(inode), member)
            else:
                links.append(member)
    symlinks = {member.path for member in links if member.kind == "symlink"}
    for member in sorted(links, key=lambda member: member.target in symlinks):
        place = folder / _native(member.path)
        if member.kind == "symlink":
            place.symlink_to(_native(member.target or ""))
        else:
            os.link(folder / _native(member.target or ""), place, follow_symlinks=False)
    for member in reversed(
        directories
    ):  # last and from the deepest up: one may be read-only, and writing touches times
        place = folder / _native(member.path)
        place.chmod(member.mode)
        os.utime(place, (member.time, member.time))
    return count


def _write(place: Path, pieces: Iterable[bytes | int], member: Member) -> None:
    with place.open("xb") as file:
        for piece in pieces:
            if isinstance(piece, int):
                file.seek(piece, os.SEEK_CUR)
            else:
                file.write(piece)
        file.truncate(member.size)
    place.chmod(member.mode)
    os.utime(place, (member.time, member.time))


def _native(path: str) -> str:
    """Return a name in the encoding of this process."""
    encoded = path.encode("utf-8", "surrogateescape")
    if os.name == "nt":
        if any(letter in path for letter in '\\:*?"<>|'):
            raise SquashfsError("has a name that Windows cannot have", path=path)
        return path
    return os.fsdecode(encoded)
