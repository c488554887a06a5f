"""The superblock: the first 96 bytes, which say where everything is.

Fields and flags: squashfs-tools-ng ``doc/format.adoc``, "The Superblock"; kernel ``fs/squashfs/squashfs_fs.h``,
``struct squashfs_super_block``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGIC = 0x73717368
VERSION = (4, 0)
NO_TABLE = 2**64 - 1  # a table that the image does not have
DEVICE_BLOCK = 4096  # images are padded to a multiple of it

_DEDUPLICATED = 0x0040
_NO_XATTRS = 0x0200
_HAS_COMPRESSOR_OPTIONS = 0x0400

_LAYOUT = struct.Struct("<IIIIIHHHHHHQQQQQQQQ")
SIZE = _LAYOUT.size


@dataclass(frozen=True)
class Superblock:
    """Counts and absolute positions; no extended attributes, no export table (nobody serves a volume by NFS)."""

    inodes: int
    time: int
    block_size: int
    fragments: int
    compressor: int
    compressor_options: bool
    ids: int
    root: int
    used: int
    id_table: int
    inode_table: int
    directory_table: int
    fragment_table: int

    def pack(self) -> bytes:
        """Return the 96 bytes."""
        flags = _DEDUPLICATED | _NO_XATTRS
        if self.compressor_options:
            flags |= _HAS_COMPRESSOR_OPTIONS
        return _LAYOUT.pack(
            MAGIC,
            self.inodes,
            self.time,
            self.block_size,
            self.fragments,
            self.compressor,
            self.block_size.bit_length() - 1,
            flags,
            self.ids,
            *VERSION,
            self.root,
            self.used,
            self.id_table,
            NO_TABLE,
            self.inode_table,
            self.directory_table,
            self.fragment_table,
            NO_TABLE,
        )
