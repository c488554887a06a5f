"""Directory listings: runs of entries whose inodes lie in one block, and an index for large ones.

squashfs-tools-ng ``doc/format.adoc``, "Directory Table" and "Directory Index"; the kernel looks names up in
``fs/squashfs/namei.c``.
"""

from __future__ import annotations

import struct

from .errors import SquashfsError
from .metadata import BLOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .metadata import MetadataReader, MetadataWriter, Place

    Name = tuple[bytes, int, int, int]  # name, reference and number of its inode, basic type
    Listing = tuple[int, int, int, list[tuple[int, int, bytes]]]

_RUN = 256  # entries after one header, at most
_MAX_DELTA = 32767  # of inode numbers within a run
_MAX_INDEX = 0xFFFF

_HEADER = struct.Struct("<III")
_ENTRY = struct.Struct("<HhHH")


def read_listing(table: MetadataReader, place: Place, size: int) -> Iterator[tuple[bytes, Place]]:
    """Yield the names of a listing, each with the place of its inode."""
    while size > 0:
        head, place = table.read(place, _HEADER.size)
        count, block, _ = _HEADER.unpack(head)
        size -= _HEADER.size
        if count >= _RUN:
            raise SquashfsError(f"is damaged: a run of {count + 1} names in a listing")
        for _ in range(count + 1):
            entry, place = table.read(place, _ENTRY.size)
            offset, _, _, length = _ENTRY.unpack(entry)
            name, place = table.read(place, length + 1)
            size -= _ENTRY.size + len(name)
            yield name, (block, offset)
    if size:
        raise SquashfsError("is damaged: a listing that is longer than it says")


def write_listing(names: Iterable[Name], table: MetadataWriter) -> Listing:
    """Write a listing, whose names come sorted by their bytes.

    A run ends where the inodes' block does, where numbers are too far apart, and at the border of a block of the
    listing itself: so an index entry can point at each block, and a look-up reads one.

    Returns:
        Start of the listing's first block, offset in it, bytes of the listing, and its index: for each further block
        the first run in it, as byte in the listing, start of the block, first name.
    """
    block_start, offset = table.block_start, table.offset
    written = 0
    room = BLOCK - offset
    index: list[tuple[int, int, bytes]] = []
    run: list[bytes] = []
    size = block = base = 0
    first = b""

    def close() -> None:
        nonlocal written, room
        if (offset + written) // BLOCK > (offset + index[-1][0] if index else offset) // BLOCK:
            index.append((written, table.block_start, first))
        table.append(_HEADER.pack(len(run) // 2 - 1, block, base) + b"".join(run))
        written += size
        room = BLOCK - (offset + written) % BLOCK
        run.clear()

    for name, reference, number, kind in names:
        need = _ENTRY.size + len(name)
        if run and not (
            reference >> 16 == block
            and len(run) < 2 * _RUN
            and -_MAX_DELTA <= number - base <= _MAX_DELTA
            and size + need <= room
        ):
            close()
        if not run:
            size, block, base, first = _HEADER.size, reference >> 16, number, name
        run.append(_ENTRY.pack(reference & 0xFFFF, number - base, kind, len(name) - 1))
        run.append(name)
        size += need
    if run:
        close()
    return block_start, offset, written, index[:_MAX_INDEX]
