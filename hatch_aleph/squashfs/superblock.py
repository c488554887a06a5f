"""The superblock: the first 96 bytes, which say where everything is.

Fields and flags: squashfs-tools-ng ``doc/format.adoc``, "The Superblock"; kernel ``fs/squashfs/squashfs_fs.h``,
``struct squashfs_super_block``.
"""

from __future__ import annotations

import struct

MAGIC = 0x73717368
VERSION = (4, 0)
NO_TABLE = 2**64 - 1  # a table that the image does not have
DEVICE_BLOCK = 4096  # images are padded to a multiple of it

_DEDUPLICATED = 0x0040
_NO_XATTRS = 0x0200
_HAS_COMPRESSOR_OPTIONS = 0x0400

_LAYOUT = struct.Struct("<IIIIIHHHHHHQQQQQQQQ")
SIZE = _LAYOUT.size


def superblock(
    *,
    inodes: int,
    time: int,
    block_size: int,
    fragments: int,
    compressor: int,
    compressor_options: bool,
    ids: int,
    root: int,
    used: int,
    id_table: int,
    inode_table: int,
    directory_table: int,
    fragment_table: int,
) -> bytes:
    """Return the 96 bytes: counts, and absolute positions.

    There are no extended attributes, and no export table: nobody serves a volume by NFS.
    """
    flags = _DEDUPLICATED | _NO_XATTRS
    if compressor_options:
        flags |= _HAS_COMPRESSOR_OPTIONS
    return _LAYOUT.pack(
        MAGIC,
        inodes,
        time,
        block_size,
        fragments,
        compressor,
        block_size.bit_length() - 1,
        flags,
        ids,
        *VERSION,
        root,
        used,
        id_table,
        NO_TABLE,
        inode_table,
        directory_table,
        fragment_table,
        NO_TABLE,
    )
