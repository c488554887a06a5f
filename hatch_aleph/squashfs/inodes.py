"""Inodes: one record for each directory, file and symlink.

squashfs-tools-ng ``doc/format.adoc``, "Inode Table"; kernel ``fs/squashfs/squashfs_fs.h``, ``struct squashfs_*_inode``.
The basic form is used wherever it can say all that there is to say.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DIRECTORY, FILE, SYMLINK = 1, 2, 3
_EXTENDED = 7  # from a basic type's number to its extended one

NO_FRAGMENT = 0xFFFFFFFF
_NO_XATTR = 0xFFFFFFFF
_OWNER = 0  # index in the id table, whose only entry is root
_U16 = 0xFFFF
_U32 = 0xFFFFFFFF

_HEADER = "<HHHHII"  # type, permissions, owner, group, time, number
_BASIC_FILE = struct.Struct(_HEADER + "IIII")
_EXTENDED_FILE = struct.Struct(_HEADER + "QQQIIII")
_BASIC_DIRECTORY = struct.Struct(_HEADER + "IIHHI")
_EXTENDED_DIRECTORY = struct.Struct(_HEADER + "IIIIHHI")
_SYMLINK = struct.Struct(_HEADER + "II")
_INDEX = struct.Struct("<III")

_LISTING_EXTRA = 3  # a listing's size counts "." and "..", which are not stored: three bytes, since ever


@dataclass(frozen=True)
class Listing:
    """Where a directory's listing is, and the index into it: (byte in listing, block start, first name)."""

    block_start: int
    offset: int
    size: int
    index: Sequence[tuple[int, int, bytes]] = ()


def file_inode(
    *,
    number: int,
    mode: int,
    time: int,
    size: int,
    start: int,
    blocks: Sequence[int],
    sparse: int = 0,
    fragment: int = NO_FRAGMENT,
    offset: int = 0,
    links: int = 1,
) -> bytes:
    """Return a file's inode.

    Args:
        number: Number of the inode, from 1.
        mode: Permission bits.
        time: Modification time.
        size: Bytes of the file.
        start: Position of its first block in the image.
        blocks: Stored size of each block, with bit 24 set where it is not compressed, 0 for a block of zeros.
        sparse: Bytes that blocks of zeros saved.
        fragment: Number of the fragment block with its tail.
        offset: Where in that block, uncompressed.
        links: Number of names.
    """
    sizes = struct.pack(f"<{len(blocks)}I", *blocks)
    if links == 1 and not sparse and start <= _U32 and size <= _U32:
        return _BASIC_FILE.pack(FILE, mode, _OWNER, _OWNER, time, number, start, fragment, offset, size) + sizes
    head = _EXTENDED_FILE.pack(
        FILE + _EXTENDED, mode, _OWNER, _OWNER, time, number, start, size, sparse, links, fragment, offset, _NO_XATTR
    )
    return head + sizes


def directory_inode(*, number: int, mode: int, time: int, parent: int, subfolders: int, listing: Listing) -> bytes:
    """Return a directory's inode; its links are its own two and one for each subfolder."""
    size = listing.size + _LISTING_EXTRA
    links = subfolders + 2
    if size <= _U16 and not listing.index:
        return _BASIC_DIRECTORY.pack(
            DIRECTORY, mode, _OWNER, _OWNER, time, number, listing.block_start, links, size, listing.offset, parent
        )
    head = _EXTENDED_DIRECTORY.pack(
        DIRECTORY + _EXTENDED,
        mode,
        _OWNER,
        _OWNER,
        time,
        number,
        links,
        size,
        listing.block_start,
        parent,
        len(listing.index),
        listing.offset,
        _NO_XATTR,
    )
    # Kernel Documentation/filesystems/squashfs.rst, "Directories": byte in listing, block, name's length less one.
    return head + b"".join(_INDEX.pack(byte, start, len(name) - 1) + name for byte, start, name in listing.index)


def symlink_inode(*, number: int, mode: int, time: int, target: bytes, links: int = 1) -> bytes:
    """Return a symlink's inode."""
    return _SYMLINK.pack(SYMLINK, mode, _OWNER, _OWNER, time, number, links, len(target)) + target
