"""Write images: superblock, groups one after the other, then the tables."""

from __future__ import annotations

import os
import struct

from .blocks import Worker
from .codec import IDS, compressor, option_block
from .contents import Node
from .errors import SquashfsError
from .options import Options, Summary
from .output import Atomic
from .packing import BUFFER, Packer
from .pool import Pool
from .segments import Segment, digest, write_index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from .entries import Entry
    from .tree import Tree

_CHUNK = 1 << 20


class Group:
    """Entries that are packed together, apart from all others.

    Args:
        entries: In any order.
        first: Paths of files that lie before the others, in this order: what a program reads at its start.
    """

    __slots__ = ("entries", "first")

    def __init__(self, entries: Iterable[Entry | Node], first: Sequence[str] = ()) -> None:
        self.entries = entries
        self.first = first


def write_image(
    entries: Iterable[Entry | Node | Group | Segment],
    image: Path | str,
    options: Options | None = None,
    *,
    first: Sequence[str] = (),
    sha256: bool = True,
) -> Summary:
    """Write an image.

    Groups and segments are stored in the order given, then all single entries as one more group. A group gives the
    same bytes as a segment made of it. Directories that lead to an entry are implied, with mode 0755.

    Args:
        entries: What goes in; single entries in any order.
        image: The file to write; it appears only when it is whole.
        options: How to write it.
        first: For the single entries, what ``Group.first`` is for a group.
        sha256: Compute the image's digest, which means reading it once more.

    Raises:
        SquashfsError: Something cannot be read, cannot be in an image, or the image cannot be written.
    """
    options = options or Options()
    with _pool(options) as pool:
        pool.submit(lambda _: None)  # a first thread imports its compressor while entries are looked for here
        groups: list[Group | Segment] = []
        single: list[Entry | Node] = []
        for item in entries:
            if isinstance(item, (Group, Segment)):
                groups.append(item)
            else:
                single.append(item)
        if single:
            groups.append(Group(single, first))
        with Atomic(os.fspath(image)) as file:
            return _Writer(file, pool, options).write(groups, sha256=sha256)


def write_segment(
    entries: Iterable[Entry | Node],
    file: Path | str,
    options: Options | None = None,
    *,
    first: Sequence[str] = (),
) -> Segment:
    """Pack a group into a file, from which images take it unread.

    Args:
        entries: In any order.
        file: The file to write; it appears only when it is whole.
        options: Codec, level and block size must be those of the images; the time does not matter.
        first: Paths of files that lie before the others, in this order.

    Raises:
        SquashfsError: Something cannot be read, or the file cannot be written.
    """
    import hashlib

    options = options or Options()
    with Atomic(os.fspath(file)) as stream:
        state = hashlib.sha256()

        def write(data: bytes) -> None:  # hashed while the threads pack, not read again
            state.update(data)
            stream.write(data)

        with _pool(options) as pool:
            contents = Packer(pool, write, options.block_size).pack(_nodes(entries), first)
        write_index(stream, options.layout_key, contents, state.hexdigest())
    return Segment(os.fspath(file), options.layout_key, contents, state.hexdigest())


def _pool(options: Options) -> Pool:
    buffer = max(BUFFER, options.block_size)
    return Pool(options.workers, lambda: Worker(compressor(*options.layout_key), options.block_size, buffer))


def _nodes(entries: Iterable[Entry | Node]) -> Iterable[Node]:
    return (entry if isinstance(entry, Node) else entry.node() for entry in entries)


class _Writer:
    def __init__(self, file: BinaryIO, pool: Pool, options: Options) -> None:
        self._file = file
        self._pool = pool
        self._options = options
        self._position = 0
        self._fragments: list[tuple[int, int]] = []
        self._tree: Tree | None = None

    def write(self, groups: Iterable[Group | Segment], *, sha256: bool) -> Summary:
        from .metadata import encode_block
        from .superblock import DEVICE_BLOCK, SIZE

        options = self._options
        extra = option_block(options.codec, options.level)
        self._put(bytes(SIZE))
        if extra:
            self._put(encode_block(extra, None))
        for group in groups:
            if isinstance(group, Segment):
                self._copy(group)
            else:
                self._pack(group)
        tree = self._names
        self._tables(tree, has_options=bool(extra))
        self._put(bytes(-self._position % DEVICE_BLOCK))
        self._file.flush()
        return Summary(
            size=self._position,
            sha256=digest(self._file, self._position) if sha256 else "",
            files=tree.files,
            directories=tree.directories,
            symlinks=tree.symlinks,
            content=tree.content,
        )

    @property
    def _names(self) -> Tree:
        """The tree; its module is imported when the threads are busy, not before they start."""
        if self._tree is None:
            from .tree import Tree

            self._tree = Tree(self._options.time)
        return self._tree

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._position += len(data)

    def _pack(self, group: Group) -> None:
        base, fragments = self._position, len(self._fragments)
        packer = Packer(self._pool, self._file.write, self._options.block_size)
        contents = packer.pack(
            _nodes(group.entries), group.first, lambda nodes: self._names.add(nodes, base, fragments)
        )
        self._position += contents.length
        self._fragments += [(base + start, size) for start, size in contents.fragments]

    def _copy(self, segment: Segment) -> None:
        if segment.layout_key != self._options.layout_key:
            raise SquashfsError(
                f"is a segment of {segment.layout_key}, not of {self._options.layout_key}",
                path=segment.file,
                hint="make it again",
            )
        contents = segment.contents
        base = self._position
        self._names.add(contents.nodes, base, len(self._fragments))
        self._fragments += [(base + start, size) for start, size in contents.fragments]
        left = contents.length
        try:
            source = open(segment.file, "rb")  # noqa: PTH123, SIM115 - without pathlib, see contents.py; closed below
        except OSError as error:
            raise SquashfsError(f"cannot be read: {error.strerror}", path=segment.file) from error
        with source:
            while left and (chunk := source.read(min(_CHUNK, left))):
                self._put(chunk)
                left -= len(chunk)
        if left:
            raise SquashfsError("is damaged: it ends too early", path=segment.file)

    def _tables(self, tree: Tree, *, has_options: bool) -> None:
        """Write the tables, in the order that the kernel insists on, and then the superblock."""
        from .metadata import MetadataWriter, lookup_table
        from .superblock import NO_TABLE, Superblock

        compress = compressor(*self._options.layout_key)
        inodes, listings = MetadataWriter(compress), MetadataWriter(compress)
        root, count = tree.write(inodes, listings)
        inode_table = self._position
        self._put(inodes.finish())
        directory_table = self._position
        self._put(listings.finish())
        fragment_table = NO_TABLE
        if self._fragments:
            # squashfs-tools-ng doc/format.adoc, "Fragment Table": start, stored size, unused.
            records = b"".join(struct.pack("<QII", start, size, 0) for start, size in self._fragments)
            table, fragment_table = lookup_table(records, self._position, compress)
            self._put(table)
        # The only owner is root.
        table, id_table = lookup_table(struct.pack("<I", 0), self._position, compress)
        self._put(table)
        head = Superblock.of(
            inodes=count,
            time=self._options.time,
            block_size=self._options.block_size,
            fragments=len(self._fragments),
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
        self._file.write(head.pack())
        self._file.seek(0, os.SEEK_END)
