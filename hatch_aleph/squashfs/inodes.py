"""Inodes: one record for each directory, file and symlink.

squashfs-tools-ng ``doc/format.adoc``, "Inode Table"; kernel ``fs/squashfs/squashfs_fs.h``, ``struct squashfs_*_inode``.
The basic form is used wherever it can say all that there is to say.
"""

from __future__ import annotations

import struct

from .contents import NO_FRAGMENT, NOWHERE
from .errors import SquashfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .contents import FileData
    from .directories import Listing
    from .metadata import MetadataReader, Place

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
    common = (mode, _OWNER, _OWNER, time, number)
    if links == 1 and not data.sparse and start <= _U32 and data.size <= _U32:
        head = _BASIC_FILE.pack(FILE, *common, start, fragment, data.offset, data.size)
    else:
        place = (start, data.size, data.sparse, links, fragment, data.offset)
        head = _EXTENDED_FILE.pack(FILE + _EXTENDED, *common, *place, _NO_XATTR)
    return head + struct.pack(f"<{len(data.blocks)}I", *data.blocks) if data.blocks else head


def directory_inode(*, number: int, mode: int, time: int, parent: int, subfolders: int, listing: Listing) -> bytes:
    """Return a directory's inode; its links are its own two and one for each subfolder."""
    block_start, offset, size, index = listing
    size += _LISTING_EXTRA
    links = subfolders + 2
    common = (mode, _OWNER, _OWNER, time, number)
    if size <= _U16 and not index:
        return _BASIC_DIRECTORY.pack(DIRECTORY, *common, block_start, links, size, offset, parent)
    place = (links, size, block_start, parent, len(index), offset)
    head = _EXTENDED_DIRECTORY.pack(DIRECTORY + _EXTENDED, *common, *place, _NO_XATTR)
    # squashfs-tools-ng doc/format.adoc, "Directory Index": byte in the listing, block, length of the name less one.
    return head + b"".join(_INDEX.pack(byte, start, len(name) - 1) + name for byte, start, name in index)


def symlink_inode(target: bytes, *, number: int, mode: int, time: int, links: int) -> bytes:
    """Return a symlink's inode."""
    return _SYMLINK.pack(SYMLINK, mode, _OWNER, _OWNER, time, number, links, len(target)) + target


class Inode:
    """One inode as read.

    Attributes:
        kind: Basic type: ``DIRECTORY``, ``FILE``, ``SYMLINK``, or a number above for what an image of ours never holds.
        mode: Permission bits.
        time: Modification time.
        number: Of the inode.
        size: Bytes of a file, a listing or a symlink's text.
        start: A file's first block, or that of a directory's listing.
        fragment: Number of the fragment block with a file's tail, or ``NO_FRAGMENT``.
        offset: Of the tail in its block, or of the listing.
        place: Where a file's block sizes or a symlink's text are.
    """

    __slots__ = ("fragment", "kind", "mode", "number", "offset", "place", "size", "start", "time")

    def __init__(self, table: MetadataReader, place: Place) -> None:
        head, _ = table.read(place, _HEAD.size)
        kind, self.mode, _, _, self.time, self.number = _HEAD.unpack(head)
        self.kind = kind - _EXTENDED if kind > _EXTENDED else kind
        self.size = self.start = self.offset = 0
        self.fragment = NO_FRAGMENT
        form = _FORMS.get(kind)
        if form is None:
            if not _SPECIAL <= self.kind <= _EXTENDED:
                raise SquashfsError(f"is damaged: an inode of type {kind}")
            return
        data, self.place = table.read(place, form.size)
        fields = form.unpack(data)[6:]
        if kind == FILE:
            self.start, self.fragment, self.offset, self.size = fields
        elif kind == FILE + _EXTENDED:
            self.start, self.size, _, _, self.fragment, self.offset, _ = fields
        elif kind == DIRECTORY:
            self.start, _, self.size, self.offset, _ = fields
        elif kind == DIRECTORY + _EXTENDED:
            _, self.size, self.start, _, _, self.offset, _ = fields
        else:
            self.size = fields[1]
        if self.kind == DIRECTORY:
            self.size = max(0, self.size - _LISTING_EXTRA)


_HEAD = struct.Struct(_HEADER)
_SPECIAL = 4  # devices, pipes and sockets: 4 to 7
_FORMS = {
    DIRECTORY: _BASIC_DIRECTORY,
    FILE: _BASIC_FILE,
    SYMLINK: _SYMLINK,
    DIRECTORY + _EXTENDED: _EXTENDED_DIRECTORY,
    FILE + _EXTENDED: _EXTENDED_FILE,
    SYMLINK + _EXTENDED: _SYMLINK,
}
