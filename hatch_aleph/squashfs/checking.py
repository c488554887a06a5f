"""Verify an image: read all of it, and hold it against what the kernel insists on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import SquashfsError
from .reader import open_image
from .superblock import DEVICE_BLOCK

if TYPE_CHECKING:
    from pathlib import Path

    from .reader import Image


@dataclass(frozen=True)
class Report:
    """What an image that is whole holds.

    Args:
        size: Bytes of the image.
        members: Number of names, without the root.
        content: Bytes of its files as they read.
    """

    size: int
    members: int
    content: int


def verify(image: Path) -> Report:
    """Read every byte of every file, and check sizes, names, numbers and the order of the tables.

    Raises:
        SquashfsError: Something is wrong; says what.
    """
    with open_image(image) as opened:
        if opened.size % DEVICE_BLOCK:
            raise SquashfsError(f"is damaged: {opened.size} bytes are no multiple of {DEVICE_BLOCK}", path=str(image))
        return _members(opened, image)


def _members(opened: Image, image: Path) -> Report:
    names: dict[str, bytes] = {}
    numbers: Counter[int] = Counter()
    content = members = 0
    for member, inode in opened.members():
        members += 1
        folder, _, name = member.path.rpartition("/")
        encoded = name.encode("utf-8", "surrogateescape")
        if names.get(folder, b"") >= encoded:
            raise SquashfsError(f"is damaged: {member.path!r} is not in order", path=str(image))
        names[folder] = encoded
        numbers[member.number] += 1
        if member.kind == "file":
            opened.check(inode)
            content += member.size
    if len(numbers) + 1 != opened.superblock.inodes or (numbers and max(numbers) > opened.superblock.inodes):
        raise SquashfsError(
            f"is damaged: {len(numbers) + 1} inodes, {opened.superblock.inodes} announced", path=str(image)
        )
    return Report(opened.size, members, content)
