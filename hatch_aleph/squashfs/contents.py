"""Where the content of a group of files is: what inodes and fragment table need to know.

Positions count from the group's own start, so that its bytes can be moved into any image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .inodes import NO_FRAGMENT

if TYPE_CHECKING:
    from .entries import Kind

UNCOMPRESSED = 1 << 24  # bit of a stored block's size
NOWHERE = -1


@dataclass(slots=True)
class FileData:
    """Where one file's bytes are.

    Args:
        size: Bytes of the file.
        start: First block, from the group's start; ``NOWHERE`` if no byte of it is stored in blocks.
        blocks: Stored size of each block as the inode has it: bit 24 for uncompressed, 0 for zeros.
        fragment: Number of the fragment block with its tail, among the group's.
        offset: Where in that block, uncompressed.
        sparse: Bytes that blocks of zeros saved.
    """

    size: int
    start: int = NOWHERE
    blocks: list[int] = field(default_factory=list)
    fragment: int = NO_FRAGMENT
    offset: int = 0
    sparse: int = 0


@dataclass(slots=True)
class Node:
    """One name in an image; a file with its data."""

    path: str
    kind: Kind
    mode: int
    target: str | None = None
    data: FileData | None = None


@dataclass(slots=True)
class Contents:
    """A group as stored: its names, its fragment blocks (start, stored size), the length of its bytes."""

    nodes: list[Node]
    fragments: list[tuple[int, int]]
    length: int
