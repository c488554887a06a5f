"""What is packed, and where its content lies afterwards.

Plain classes, here and wherever packing passes: dataclasses alone cost more to import than a small tree takes to pack.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    Kind = Literal["file", "directory", "symlink", "hardlink"]

UNCOMPRESSED = 1 << 24  # bit of a stored block's size
NO_FRAGMENT = 0xFFFFFFFF
NOWHERE = -1


class FileData:
    """Where one file's bytes are; positions count from the group's start, so that the group can be moved.

    Attributes:
        size: Bytes of the file.
        start: First block, from the group's start; ``NOWHERE`` if no byte of it is stored in blocks.
        blocks: Stored size of each block as the inode has it: bit 24 for uncompressed, 0 for zeros.
        fragment: Number of the fragment block with its tail, among the group's.
        offset: Where in that block, uncompressed.
        sparse: Bytes that blocks of zeros saved.
    """

    __slots__ = ("blocks", "fragment", "offset", "size", "sparse", "start")

    def __init__(  # noqa: PLR0917 - a row of a segment's index
        self,
        size: int,
        start: int = NOWHERE,
        blocks: list[int] | None = None,
        fragment: int = NO_FRAGMENT,
        offset: int = 0,
        sparse: int = 0,
    ) -> None:
        self.size = size
        self.start = start
        self.blocks = [] if blocks is None else blocks
        self.fragment = fragment
        self.offset = offset
        self.sparse = sparse


class Node:
    """One name, on its way from a source into an image.

    Attributes:
        path: As in ``Entry``; so are ``kind``, ``mode`` and ``target``.
        source: Where a file's bytes are: a path, or the bytes.
        size: Bytes of the file.
        changed: When the source was last changed, in nanoseconds; 0 for bytes.
        data: Where the content is, once packed.
    """

    __slots__ = ("changed", "data", "kind", "mode", "path", "size", "source", "target")

    def __init__(  # noqa: PLR0917 - called for each name: keywords cost
        self,
        path: str,
        kind: Kind,
        mode: int,
        target: str | None = None,
        source: str | bytes | None = None,
        size: int = 0,
        changed: int = 0,
    ) -> None:
        self.path = path
        self.kind = kind
        self.mode = mode
        self.target = target
        self.source = source
        self.size = size
        self.changed = changed
        self.data: FileData | None = None


class Contents:
    """A group as stored: its names, its fragment blocks (start, stored size), the length of its bytes."""

    __slots__ = ("fragments", "length", "nodes")

    def __init__(self, nodes: Sequence[Node], fragments: list[tuple[int, int]], length: int) -> None:
        self.nodes = nodes
        self.fragments = fragments
        self.length = length
