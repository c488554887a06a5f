"""The superblock: the first 96 bytes, which say where everything is.

Fields and flags: squashfs-tools-ng ``doc/format.adoc``, "The Superblock"; kernel ``fs/squashfs/squashfs_fs.h``,
``struct squashfs_super_block``.
"""

from __future__ import annotations

import struct
from collections import namedtuple

from .errors import SquashfsError
from .options import MAX_BLOCK_SIZE, MIN_BLOCK_SIZE

MAGIC = 0x73717368
VERSION = (4, 0)
NO_TABLE = 2**64 - 1  # a table that the image does not have
DEVICE_BLOCK = 4096  # images are padded to a multiple of it

_DEDUPLICATED = 0x0040
_NO_XATTRS = 0x0200
_HAS_COMPRESSOR_OPTIONS = 0x0400

_LAYOUT = struct.Struct("<IIIIIHHHHHHQQQQQQQQ")
SIZE = _LAYOUT.size


class Superblock(
    namedtuple(  # noqa: PYI024 - typing costs its import
        "Superblock",
        "magic inodes time block_size fragments compressor block_log flags ids major minor "
        "root used id_table xattr_table inode_table directory_table fragment_table export_table",
    )
):
    """Counts, and absolute positions; ``root`` is the reference of the root's inode, ``used`` the image's length."""

    __slots__ = ()

    @classmethod
    def of(cls, *, compressor_options: bool, block_size: int, **fields: int) -> Superblock:
        """Make the superblock of an image of ours.

        There are no extended attributes, and no export table: nobody serves a volume by NFS.
        """
        return cls(
            magic=MAGIC,
            major=VERSION[0],
            minor=VERSION[1],
            flags=_DEDUPLICATED | _NO_XATTRS | (_HAS_COMPRESSOR_OPTIONS if compressor_options else 0),
            block_size=block_size,
            block_log=block_size.bit_length() - 1,
            xattr_table=NO_TABLE,
            export_table=NO_TABLE,
            **fields,
        )

    @classmethod
    def read(cls, data: bytes, size: int) -> Superblock:
        """Read the superblock of an image of ``size`` bytes, and check what can be checked of it alone.

        Raises:
            SquashfsError: It is no image, or damaged.
        """
        if len(data) < SIZE or data[:4] != struct.pack("<I", MAGIC):
            raise SquashfsError("is no squashfs image")
        block = cls._make(_LAYOUT.unpack(data[:SIZE]))
        if problem := block.problem(size):
            raise SquashfsError(f"is damaged: {problem}")
        return block

    def pack(self) -> bytes:
        """Return the 96 bytes."""
        return _LAYOUT.pack(*self)

    @property
    def tables(self) -> list[int]:
        """Where the tables that there are start, in the order that the kernel insists on."""
        fragments = [self.fragment_table] if self.fragments else []
        optional = [table for table in (self.export_table, self.id_table, self.xattr_table) if table != NO_TABLE]
        return [self.inode_table, self.directory_table, *fragments, *optional]

    def problem(self, size: int) -> str:
        """Return what cannot be in an image of ``size`` bytes, "" if nothing."""
        if (self.major, self.minor) != VERSION:
            return f"it is of version {self.major}.{self.minor}, not 4.0"
        if self.block_size != 1 << self.block_log or not MIN_BLOCK_SIZE <= self.block_size <= MAX_BLOCK_SIZE:
            return f"a block of {self.block_size} bytes, whose logarithm is {self.block_log}"
        if self.used > size:
            return f"{self.used} bytes used, {size} there"
        if self.tables != sorted(self.tables) or self.tables[0] < SIZE or self.tables[-1] >= self.used:
            return "its tables are not in order"
        return ""
