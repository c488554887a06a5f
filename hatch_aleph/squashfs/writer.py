"""Write images: superblock, groups one after the other, then the tables."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .blocks import Worker
from .codec import IDS, compressor, option_block
from .entries import Entry
from .errors import SquashfsError
from .metadata import MetadataWriter, encode_block, lookup_table
from .options import Options, Summary
from .output import atomic
from .packing import PIECE, Packer
from .pool import Pool
from .segments import Segment, write_index
from .superblock import DEVICE_BLOCK, NO_TABLE, SIZE, Superblock
from .tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import BinaryIO

    from .contents import Contents

    Progress = Callable[[int], None]

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Group:
    """Entries that are packed together, apart from all others.

    Args:
        entries: In any order.
        first: Paths of files that lie before the others, in this order: what a program reads at its start.
    """

    entries: Sequence[Entry]
    first: Sequence[str] = ()


def write_image(
    entries: Iterable[Entry | Group | Segment],
    image: Path,
    options: Options | None = None,
    *,
    first: Sequence[str] = (),
    digest: bool = True,
    progress: Progress | None = None,
) -> Summary:
    """Write an image.

    Groups and segments are stored in the order given, then all single entries as one more group. A group gives the
    same bytes as a segment made of it. Directories that lead to an entry are implied, with mode 0755.

    Args:
        entries: What goes in; single entries in any order.
        image: The file to write; it appears only when it is whole.
        options: How to write it.
        first: For the single entries, what ``Group.first`` is for a group.
        digest: Compute the image's SHA-256.
        progress: Called with the number of bytes packed since the last call.

    Raises:
        SquashfsError: Something cannot be read, cannot be in an image, or the image cannot be written.
    """
    options = options or Options()
    groups: list[Group | Segment] = []
    single: list[Entry] = []
    for item in entries:
        if isinstance(item, Entry):
            single.append(item)
        else:
            groups.append(item)
    if single:
        groups.append(Group(single, first))
    with atomic(image) as file:
        return _Writer(file, options, progress).write(groups, digest=digest)


def write_segment(
    entries: Iterable[Entry],
    file: Path,
    options: Options | None = None,
    *,
    first: Sequence[str] = (),
    progress: Progress | None = None,
) -> Segment:
    """Pack a group into a file, from which images take it unread.

    Args:
        entries: In any order.
        file: The file to write; it appears only when it is whole.
        options: Codec, level and block size must be those of the images; the time does not matter.
        first: Paths of files that lie before the others, in this order.
        progress: Called with the number of bytes packed since the last call.

    Raises:
        SquashfsError: Something cannot be read, or the file cannot be written.
    """
    options = options or Options()
    with atomic(file) as stream:
        with _pool(options) as pool:
            contents = Packer(pool, stream, options.block_size, progress).pack(entries, first)
        sha256 = write_index(stream, options.look, contents)
    return Segment(Path(file), options.look, contents, sha256)


def _pool(options: Options) -> Pool[Worker]:
    piece = max(PIECE, options.block_size)
    return Pool(options.workers, lambda: Worker(compressor(*options.look), options.block_size, piece))


class _Writer:
    def __init__(self, file: BinaryIO, options: Options, progress: Progress | None) -> None:
        self._file = file
        self._options = options
        self._progress = progress
        self._compress = compressor(*options.look)
        self._position = 0

    def write(self, groups: Iterable[Group | Segment], *, digest: bool) -> Summary:
        options = self._options
        extra = option_block(options.codec, options.look[1])
        self._put(bytes(SIZE))
        if extra:
            self._put(encode_block(extra, None))
        tree = Tree(options.time)
        fragments: list[tuple[int, int]] = []
        nodes = []
        with _pool(options) as pool:
            for group in groups:
                base = self._position
                contents = self._copy(group) if isinstance(group, Segment) else self._pack(group, pool)
                tree.add(contents.nodes, base, len(fragments))
                fragments += [(base + start, size) for start, size in contents.fragments]
                nodes.append(contents.nodes)
        self._tables(tree, fragments, has_options=bool(extra))
        self._put(bytes(-self._position % DEVICE_BLOCK))
        return Summary(
            size=self._position,
            sha256=self._digest() if digest else "",
            files=sum(node.kind in ("file", "hardlink") for group in nodes for node in group),
            directories=tree.directories,
            symlinks=sum(node.kind == "symlink" for group in nodes for node in group),
            content=sum(node.data.size for group in nodes for node in group if node.data is not None),
        )

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._position += len(data)

    def _pack(self, group: Group, pool: Pool[Worker]) -> Contents:
        packer = Packer(pool, self._file, self._options.block_size, self._progress)
        contents = packer.pack(group.entries, group.first)
        self._position += contents.length
        return contents

    def _copy(self, segment: Segment) -> Contents:
        if segment.look != self._options.look:
            raise SquashfsError(
                f"is a segment of {segment.look}, not {self._options.look}",
                path=str(segment.file),
                hint="make it again",
            )
        left = segment.contents.length
        with segment.file.open("rb") as source:
            while left:
                chunk = source.read(min(_CHUNK, left))
                if not chunk:
                    raise SquashfsError("is damaged: it ends too early", path=str(segment.file))
                self._put(chunk)
                left -= len(chunk)
        if self._progress is not None:
            self._progress(sum(node.data.size for node in segment.contents.nodes if node.data is not None))
        return segment.contents

    def _tables(self, tree: Tree, fragments: list[tuple[int, int]], *, has_options: bool) -> None:
        """Write the tables, in the order that the kernel insists on, and then the superblock."""
        inodes, listings = MetadataWriter(self._compress), MetadataWriter(self._compress)
        root, count = tree.write(inodes, listings)
        inode_table = self._position
        self._put(inodes.finish())
        directory_table = self._position
        self._put(listings.finish())
        fragment_table = NO_TABLE
        if fragments:
            # squashfs-tools-ng doc/format.adoc, "Fragment Table": start, stored size, unused.
            records = b"".join(struct.pack("<QII", start, size, 0) for start, size in fragments)
            table, fragment_table = lookup_table(records, self._position, self._compress)
            self._put(table)
        # The only owner is root.
        table, id_table = lookup_table(struct.pack("<I", 0), self._position, self._compress)
        self._put(table)
        superblock = Superblock(
            inodes=count,
            time=self._options.time,
            block_size=self._options.block_size,
            fragments=len(fragments),
            compressor=IDS[self._options.codec],
            compressor_options=has_options,
            ids=1,
            root=root,
            used=self._position,
            id_table=id_table,
            inode_table=inode_table,
            directory_table=directory_table,
            fragment_table=fragment_table,
        )
        self._file.seek(0)
        self._file.write(superblock.pack())
        self._file.seek(0, 2)

    def _digest(self) -> str:
        self._file.flush()
        self._file.seek(0)
        state = hashlib.sha256()
        while chunk := self._file.read(_CHUNK):
            state.update(chunk)
        return state.hexdigest()
