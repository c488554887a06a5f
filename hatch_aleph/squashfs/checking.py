"""Verify an image: read all of it, and hold it against what the kernel insists on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import SquashfsError
from .reader import open_image
from .superblock import DEVICE_BLOCK, NO_TABLE

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
        size = image.stat().st_size
        problem = _superblock(opened, size)
        if problem:
            raise SquashfsError(f"is damaged: {problem}", path=str(image))
        return _members(opened, image, size)


def _superblock(opened: Image, size: int) -> str:
    block = opened.superblock
    tables = [block.inode_table_start, block.directory_table_start]
    if block.fragments:
        tables.append(block.fragment_table_start)
    optional = (block.lookup_table_start, block.id_table_start, block.xattr_id_table_start)
    tables += [table for table in optional if table != NO_TABLE]
    if block.block_size != 1 << block.block_log:
        return f"a block of {block.block_size} bytes, whose logarithm is {block.block_log}"
    if block.bytes_used > size:
        return f"{block.bytes_used} bytes used, {size} there"
    if size % DEVICE_BLOCK:
        return f"{size} bytes are no multiple of {DEVICE_BLOCK}"
    if tables != sorted(tables) or tables[-1] >= block.bytes_used:
        return "its tables are not in order"
    return ""


def _members(opened: Image, image: Path, size: int) -> Report:
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
            read = sum(len(block) for block in opened.content(inode))
            if read != member.size:
                raise SquashfsError(f"is damaged: {read} of {member.size} bytes of {member.path!r}", path=str(image))
            content += read
    if len(numbers) + 1 != opened.superblock.inodes or (numbers and max(numbers) > opened.superblock.inodes):
        raise SquashfsError(
            f"is damaged: {len(numbers) + 1} inodes, {opened.superblock.inodes} announced", path=str(image)
        )
    return Report(size, members, content)
