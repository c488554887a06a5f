"""Metadata: a stream of records cut into blocks of 8 KiB, each with a header of two bytes.

squashfs-tools-ng ``doc/format.adoc``, "Packing Metadata" and "Storing Lookup Tables".
"""

from __future__ import annotations

import struct

from .errors import SquashfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from .codec import Buffer, Compress

    Place = tuple[int, int]  # start of a block, from the table's start; byte in it, uncompressed

BLOCK = 8192
_KEPT = 64  # blocks, half a megabyte
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


class MetadataReader:
    """Records of one table; a few blocks are kept, for records that lie side by side.

    Args:
        stream: The image.
        start: Where the table starts.
        end: Where it ends.
        decompress: Of the image's codec.
    """

    def __init__(self, stream: BinaryIO, start: int, end: int, decompress: Callable[[bytes, int], bytes]) -> None:
        self._stream = stream
        self._start = start
        self._end = end
        self._decompress = decompress
        self._kept: dict[int, tuple[bytes, int]] = {}

    def read(self, place: Place, length: int) -> tuple[bytes, Place]:
        """Return the bytes at a place, and the place behind them.

        Raises:
            SquashfsError: The table ends before.
        """
        block, offset = place
        data = b""
        while True:
            content, following = self._block(block)
            if offset > len(content):
                raise SquashfsError("is damaged: a reference past the end of its block")
            part = content[offset : offset + length - len(data)]
            data += part
            if len(data) == length:
                return data, (block, offset + len(part))
            block, offset = following, 0

    def _block(self, block: int) -> tuple[bytes, int]:
        """Return the content of a block, and where the next one starts; both count from the table's start."""
        kept = self._kept.get(block)
        if kept is None:
            position = self._start + block
            if position + 2 > self._end:
                raise SquashfsError("is damaged: a reference past the end of its table")
            self._stream.seek(position)
            header = int.from_bytes(self._stream.read(2), "little")
            size = header & (_STORED - 1)
            if not 0 < size <= BLOCK or position + 2 + size > self._end:
                raise SquashfsError(f"is damaged: a block of metadata of {size} bytes")
            content = self._stream.read(size)
            kept = (content if header & _STORED else self._decompress(content, BLOCK), block + 2 + size)
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[block] = kept
        return kept


def lookup_table(records: bytes, position: int, compress: Compress) -> tuple[bytes, int]:
    """Return an array of records as stored at ``position``: its blocks, then their positions; and where those start."""
    blocks = [encode_block(records[start : start + BLOCK], compress) for start in range(0, len(records), BLOCK)]
    positions = []
    for block in blocks:
        positions.append(position)
        position += len(block)
    return b"".join(blocks) + struct.pack(f"<{len(positions)}Q", *positions), position
