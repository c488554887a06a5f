"""Metadata: a stream of records cut into blocks of 8 KiB, each with a header of two bytes.

squashfs-tools-ng ``doc/format.adoc``, "Packing Metadata" and "Storing Lookup Tables".
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .codec import Buffer, Compress

BLOCK = 8192
_STORED = 0x8000  # bit of the header: the block is not compressed


def encode_block(data: Buffer, compress: Compress | None) -> bytes:
    """Return one block with its header, compressed if that makes it smaller; never if ``compress`` is None."""
    if compress is not None:
        packed = compress(data)
        if len(packed) < len(data):
            return struct.pack("<H", len(packed)) + packed
    return struct.pack("<H", len(data) | _STORED) + bytes(data)


class MetadataWriter:
    """A stream of records; what is full is compressed at once, so that every position is final when it is asked for."""

    def __init__(self, compress: Compress) -> None:
        self._compress = compress
        self._open = bytearray()
        self._blocks: list[bytes] = []
        self.block_start = 0
        """Where the block that is being filled starts, as stored, from the start of this table."""

    @property
    def offset(self) -> int:
        """Where the next record starts in the block that is being filled, uncompressed."""
        return len(self._open)

    def append(self, record: bytes) -> int:
        """Add a record, which may cross into the next blocks; return its reference: block start and offset in one."""
        reference = self.block_start << 16 | len(self._open)
        self._open += record
        while len(self._open) >= BLOCK:
            self._close(self._open[:BLOCK])
            del self._open[:BLOCK]
        return reference

    def finish(self) -> bytes:
        """Return the whole table as stored."""
        if self._open:
            self._close(self._open)
            self._open = bytearray()
        return b"".join(self._blocks)

    def _close(self, data: bytearray) -> None:
        block = encode_block(data, self._compress)
        self._blocks.append(block)
        self.block_start += len(block)


def lookup_table(records: bytes, position: int, compress: Compress) -> tuple[bytes, int]:
    """Return an array of records as stored at ``position``: its blocks, then their positions; and where those start."""
    blocks = [encode_block(records[start : start + BLOCK], compress) for start in range(0, len(records), BLOCK)]
    positions = []
    for block in blocks:
        positions.append(position)
        position += len(block)
    return b"".join(blocks) + struct.pack(f"<{len(positions)}Q", *positions), position
