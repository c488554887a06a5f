"""Inodes: one record for each directory, file and symlink.

squashfs-tools-ng ``doc/format.adoc``, "Inode Table"; kernel ``fs/squashfs/squashfs_fs.h``, ``struct squashfs_*_inode``.
The basic form is used wherever it can say all that there is to say.
"""

from __future__ import annotations

import struct

from .contents import NO_FRAGMENT, NOWHERE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .contents import FileData
    from .directories import Listing

DIRECTORY, FILE, SYMLINK = 1, 2, 3
_EXTENDED = 7  # from a basic type's number to its extended one

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


def file_inode(data: FileData, *, number: int, mode: int, time: int, links: int, base: int, fragments: int) -> bytes:
    """Return a file's inode.

    Args:
        data: Where its content is in its group.
        number: Number of the inode, from 1.
        mode: Permission bits.
        time: Modification time.
        links: Number of names.
        base: Where the group starts in the image.
        fragments: Number of the group's first fragment block.
    """
    start = 0 if data.start == NOWHERE else base + data.start
    fragment = data.fragment if data.fragment == NO_FRAGMENT else fragments + data.fragment
    if links == 1 and not data.sparse and start <= _U32 and data.size <= _U32:
        head = _BASIC_FILE.pack(FILE, mode, _OWNER, _OWNER, time, number, start, fragment, data.offset, data.size)
    else:
        head = _EXTENDED_FILE.pack(
            FILE + _EXTENDED,
            mode,
            _OWNER,
            _OWNER,
            time,
            number,
            start,
            data.size,
            data.sparse,
            links,
            fragment,
            data.offset,
            _NO_XATTR,
        )
    return head + struct.pack(f"<{len(data.blocks)}I", *data.blocks) if data.blocks else head


def directory_inode(*, number: int, mode: int, time: int, parent: int, subfolders: int, listing: Listing) -> bytes:
    """Return a directory's inode; its links are its own two and one for each subfolder."""
    block_start, offset, size, index = listing
    size += _LISTING_EXTRA
    links = subfolders + 2
    if size <= _U16 and not index:
        return _BASIC_DIRECTORY.pack(
            DIRECTORY, mode, _OWNER, _OWNER, time, number, block_start, links, size, offset, parent
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
        block_start,
        parent,
        len(index),
        offset,
        _NO_XATTR,
    )
    # squashfs-tools-ng doc/format.adoc, "Directory Index": byte in the listing, block, length of the name less one.
    return head + b"".join(_INDEX.pack(byte, start, len(name) - 1) + name for byte, start, name in index)


def symlink_inode(target: bytes, *, number: int, mode: int, time: int, links: int) -> bytes:
    """Return a symlink's inode."""
    return _SYMLINK.pack(SYMLINK, mode, _OWNER, _OWNER, time, number, links, len(target)) + target
