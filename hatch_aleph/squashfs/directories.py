"""Directory listings: runs of entries whose inodes lie in one block, and an index for large ones.

squashfs-tools-ng ``doc/format.adoc``, "Directory Table" and "Directory Index"; the kernel looks names up in
``fs/squashfs/namei.c``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .inodes import Listing
from .metadata import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .metadata import MetadataWriter

_RUN = 256  # entries after one header, at most
_MAX_DELTA = 32767  # of inode numbers within a run
_MAX_INDEX = 0xFFFF

_HEADER = struct.Struct("<III")
_ENTRY = struct.Struct("<HhHH")


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a directory, and the inode behind it."""

    name: bytes
    reference: int
    number: int
    kind: int


def write_listing(names: Iterable[Name], table: MetadataWriter) -> Listing:
    """Write a listing, whose names come sorted by their bytes, and return where it is.

    A run ends where the inodes' block does, where numbers are too far apart, and at the border of a block of the
    listing itself: so an index entry can point at each block, and a look-up reads one.
    """
    block_start, offset = table.block_start, table.offset
    written = 0
    index: list[tuple[int, int, bytes]] = []
    run: list[Name] = []
    run_size = _HEADER.size
    for name in names:
        size = _ENTRY.size + len(name.name)
        if run and (not _fits(run, name) or offset + written + run_size + size > _border(offset + written)):
            written += _write_run(run, table, written, offset, index)
            run, run_size = [], _HEADER.size
        run.append(name)
        run_size += size
    if run:
        written += _write_run(run, table, written, offset, index)
    return Listing(block_start, offset, written, index[:_MAX_INDEX])


def _fits(run: list[Name], name: Name) -> bool:
    first = run[0]
    return (
        len(run) < _RUN
        and first.reference >> 16 == name.reference >> 16
        and -_MAX_DELTA <= name.number - first.number <= _MAX_DELTA
    )


def _border(position: int) -> int:
    """Return the end of the metadata block that ``position`` is in."""
    return (position // BLOCK + 1) * BLOCK


def _write_run(
    run: list[Name], table: MetadataWriter, written: int, offset: int, index: list[tuple[int, int, bytes]]
) -> int:
    """Append a run; add it to the index if it is the first that starts in its block."""
    reached = (offset + index[-1][0]) // BLOCK if index else offset // BLOCK
    if written and (offset + written) // BLOCK > reached:
        index.append((written, table.block_start, run[0].name))
    first = run[0]
    record = [_HEADER.pack(len(run) - 1, first.reference >> 16, first.number)]
    for name in run:
        record.append(_ENTRY.pack(name.reference & 0xFFFF, name.number - first.number, name.kind, len(name.name) - 1))
        record.append(name.name)
    data = b"".join(record)
    table.append(data)
    return len(data)
