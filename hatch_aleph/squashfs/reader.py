"""Read images, and believe none of them: what they hold costs time and memory in proportion to their own size.

squashfs has no checksums, so damage shows only where something contradicts something else; and an image may come from
anybody. Each kind of thing that an image could claim to hold without end is counted against a bound. Tests hold what
this reader finds against three others: the kernel's, unsquashfs, PySquashfsImage.
"""

from __future__ import annotations

import os
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .codec import decompressor
from .contents import NO_FRAGMENT, UNCOMPRESSED
from .directories import read_listing
from .errors import SquashfsError
from .inodes import DIRECTORY, FILE, SYMLINK, Inode
from .metadata import BLOCK, MetadataReader
from .superblock import SIZE, Superblock
from .tree import MAX_TARGET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from .contents import Kind

_KINDS: dict[int, Kind] = {FILE: "file", DIRECTORY: "directory", SYMLINK: "symlink"}
_FRAGMENT = struct.Struct("<QII")
_ZEROS = bytes(1 << 20)
# No honest image comes near these. A name takes a byte of the tables or so, a path rarely more than 200.
_FREE_NAMES = 1 << 16
_FREE_TEXT = 1 << 26
_TEXT_OF_A_BYTE = 16
_METADATA_OF_A_BYTE = 600  # a block of 8192 equal bytes is packed into 15
MIN_UNPACKED = 1 << 30
UNPACKED_OF_A_BYTE = 100


@dataclass(frozen=True, slots=True)
class Member:
    """One name in an image.

    Args:
        path: Relative POSIX path; bytes that are not UTF-8 stand as ``surrogateescape`` has them.
        kind: ``file``, ``directory``, ``symlink`` or ``hardlink`` (a further name of a file that came before).
        mode: Permission bits.
        size: Bytes of a file; 0 for others.
        time: Modification time, seconds since 1970.
        target: Text of a symlink; path of a hard link's original.
        number: Number of the inode.
    """

    path: str
    kind: Kind
    mode: int
    size: int
    time: int
    target: str | None
    number: int


class _Bound:
    """What an image may still claim of one kind of thing."""

    def __init__(self, left: int, what: str) -> None:
        self._left = left
        self._what = what

    def spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise SquashfsError(f"is damaged or malicious: {self._what}")


class Image:
    """An open image; its members come sorted as the image has them, directories before their content.

    Args:
        stream: Its bytes.
        name: What to name in errors.
        unpacked: Bytes that may be unpacked of it, holes not counted; by default a gigabyte, or a hundred times its
            size if that is more.

    Raises:
        SquashfsError: It is no image, or damaged.
    """

    def __init__(self, stream: BinaryIO, name: str, unpacked: int | None = None) -> None:
        self._stream = stream
        self._name = name
        self.size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        with self._named():
            self.superblock = block = Superblock.read(stream.read(SIZE), self.size)
            self._decompress = decompressor(block.compressor)
        inodes_end, listings_end = block.directory_table, block.tables[2]
        self._inodes = MetadataReader(stream, block.inode_table, inodes_end, self._decompress)
        self._listings = MetadataReader(stream, block.directory_table, listings_end, self._decompress)
        self._lookups = MetadataReader(stream, 0, block.used, self._decompress)
        self._fragments: dict[int, tuple[int, int]] = {}
        self._block: tuple[int, bytes] = (0, b"")
        self._stored: dict[int, int] = {}  # lengths of the blocks that were read, by position
        tables = listings_end - block.inode_table
        self._names = _Bound(_FREE_NAMES + 2 * tables, "more names than its tables can hold")
        self._text = _Bound(_FREE_TEXT + _TEXT_OF_A_BYTE * self.size, "paths without end")
        self._sizes = _Bound(BLOCK + _METADATA_OF_A_BYTE * tables, "files of more blocks than its tables can hold")
        self._blocks = _Bound(_FREE_NAMES + self.size, "more blocks than it has bytes")
        self._used = _Bound(block.used, "blocks that overlap")
        unpacked = max(MIN_UNPACKED, UNPACKED_OF_A_BYTE * self.size) if unpacked is None else unpacked
        self._unpacked = _Bound(unpacked, f"its files have more than {unpacked:,} bytes")

    def members(self) -> Iterator[tuple[Member, Inode]]:
        """Yield every name but the root with its inode, which ``content`` takes.

        Raises:
            SquashfsError: The image is damaged, or holds what no image of a program holds.
        """
        reference = self.superblock.root
        place = (reference >> 16, reference & 0xFFFF)
        seen = {place: ""}
        with self._named():
            root = Inode(self._inodes, place)
            if root.kind != DIRECTORY:
                raise SquashfsError("is damaged: its root is no directory")
            folders = [("", root)]
            while folders:
                base, folder = folders.pop()
                subfolders = []
                for name, place in read_listing(self._listings, (folder.start, folder.offset), folder.size):
                    inode = Inode(self._inodes, place)
                    member = self._member(base + _text(name), name, inode, seen.get(place))
                    seen.setdefault(place, member.path)
                    yield member, inode
                    if member.kind == "directory":
                        subfolders.append((f"{member.path}/", inode))
                folders += reversed(subfolders)

    def pieces(self, inode: Inode) -> Iterator[bytes | int]:
        """Yield a file's bytes, block by block; of a hole its length.

        Raises:
            SquashfsError: The image is damaged, or holds more than it may.
        """
        with self._named():
            for position, stored, length in self._parts(inode):
                if position is None:
                    yield length
                    continue
                content = self._content(position, stored)
                if len(content) != length:
                    raise SquashfsError("is damaged: a block of another length than its file's")
                self._unpacked.spend(length)
                yield content
            if tail := self._tail(inode):
                position, stored, length = tail
                content = self._content(position, stored)
                if inode.offset + length > len(content):
                    raise SquashfsError("is damaged: the end of a file lies past its fragment block")
                self._unpacked.spend(length)
                yield content[inode.offset : inode.offset + length]

    def content(self, inode: Inode) -> Iterator[bytes]:
        """Yield a file's bytes, holes as zeros; for errors see ``pieces``."""
        for piece in self.pieces(inode):
            if isinstance(piece, bytes):
                yield piece
                continue
            with self._named():
                self._unpacked.spend(piece)
            for start in range(0, piece, len(_ZEROS)):
                yield _ZEROS[: piece - start]

    def check(self, inode: Inode) -> None:
        """Read what a file's content takes, each block of the image once however many files share it.

        Raises:
            SquashfsError: The image is damaged, or holds more than it may.
        """
        with self._named():
            for position, stored, length in self._parts(inode):
                if position is not None and self._length(position, stored) != length:
                    raise SquashfsError("is damaged: a block of another length than its file's")
            if tail := self._tail(inode):
                position, stored, length = tail
                if inode.offset + length > self._length(position, stored):
                    raise SquashfsError("is damaged: the end of a file lies past its fragment block")

    def storage(self, inode: Inode) -> tuple[int, int, int, int]:
        """Tell where a file's content is stored.

        Returns:
            Bytes of its blocks as stored; number of the fragment block with its tail, or -1; bytes of the tail; bytes
            of that whole fragment block as stored.
        """
        with self._named():
            blocks = sum(stored & ~UNCOMPRESSED for position, stored, _ in self._parts(inode) if position is not None)
            tail = self._tail(inode)
        return (blocks, inode.fragment, tail[2], tail[1] & ~UNCOMPRESSED) if tail else (blocks, -1, 0, 0)

    def _member(self, path: str, name: bytes, inode: Inode, original: str | None) -> Member:
        self._names.spend(1)
        self._text.spend(len(path))
        if name in (b".", b"..") or b"/" in name or b"\0" in name:
            raise SquashfsError(f"is damaged or malicious: it holds the name {path!r}")
        kind = _KINDS.get(inode.kind)
        if kind is None:
            raise SquashfsError(f"holds {path!r}, a device, pipe or socket")
        if original is not None:
            if kind == "directory":
                raise SquashfsError(f"is damaged: directory {path!r} stands in two places")
            return Member(path, "hardlink", inode.mode, 0, inode.time, original, inode.number)
        target = None
        if kind == "symlink":
            if not 0 < inode.size <= MAX_TARGET:
                raise SquashfsError(f"is damaged: a symlink of {inode.size} bytes, {path!r}")
            self._text.spend(inode.size)
            target = _text(self._inodes.read(inode.place, inode.size)[0])
        return Member(
            path, kind, inode.mode & 0o7777, inode.size if kind == "file" else 0, inode.time, target, inode.number
        )

    def _parts(self, inode: Inode) -> Iterator[tuple[int | None, int, int]]:
        """Yield the blocks of a file: position (None for holes, however many in a row), stored size, bytes."""
        block_size: int = self.superblock.block_size
        whole, rest = divmod(inode.size, block_size)
        if rest and inode.fragment == NO_FRAGMENT:
            whole += 1
        left, position, place = inode.size, inode.start, inode.place
        while whole:
            count = min(whole, BLOCK)
            self._sizes.spend(4 * count)
            data, place = self._inodes.read(place, 4 * count)
            whole -= count
            if not any(data):
                length = min(left, count * block_size)
                yield None, 0, length
                left -= length
                continue
            for stored in struct.unpack(f"<{count}I", data):
                length = min(left, block_size)
                left -= length
                if not stored:
                    yield None, 0, length
                    continue
                self._blocks.spend(1)
                yield position, stored, length
                position += stored & ~UNCOMPRESSED

    def _tail(self, inode: Inode) -> tuple[int, int, int] | None:
        """Return position and stored size of the fragment block with a file's tail, and the tail's length."""
        length = inode.size % self.superblock.block_size
        if inode.fragment == NO_FRAGMENT or not length:
            return None
        number = inode.fragment
        if number not in self._fragments:
            if number >= self.superblock.fragments:
                raise SquashfsError(f"is damaged: fragment {number} of {self.superblock.fragments}")
            # Of each block of the table, its position stands in an array of 64-bit numbers.
            self._stream.seek(self.superblock.fragment_table + number // (BLOCK // _FRAGMENT.size) * 8)
            start = int.from_bytes(self._stream.read(8), "little")
            record, _ = self._lookups.read((start, number * _FRAGMENT.size % BLOCK), _FRAGMENT.size)
            position, stored, _ = _FRAGMENT.unpack(record)
            self._fragments[number] = position, stored
        return *self._fragments[number], length

    def _length(self, position: int, stored: int) -> int:
        known = self._stored.get(position)
        if known is None:
            known = len(self._content(position, stored))
            self._unpacked.spend(known)
        return known

    def _content(self, position: int, stored: int) -> bytes:
        """Return a data block; the last one is kept, for many files in a row have their tails in one."""
        if self._block[0] == position:
            return self._block[1]
        size = stored & ~UNCOMPRESSED
        block_size: int = self.superblock.block_size
        if not 0 < size <= block_size or position < SIZE or position + size > self.superblock.used:
            raise SquashfsError(f"is damaged: a block of {size} bytes at {position}")
        if position not in self._stored:
            self._used.spend(size)
        self._stream.seek(position)
        content = self._stream.read(size)
        if not stored & UNCOMPRESSED:
            content = self._decompress(content, block_size)
        self._stored[position] = len(content)
        self._block = (position, content)
        return content

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the image in whatever is wrong with it, and tell what a library makes of damage in one way."""
        try:
            yield
        except SquashfsError as error:
            error.path = error.path or self._name
            raise
        except (OSError, MemoryError, ImportError):
            raise
        except Exception as error:
            raise SquashfsError(f"is damaged: {type(error).__name__}: {error}", path=self._name) from error


@contextmanager
def open_image(image: Path, unpacked: int | None = None) -> Iterator[Image]:
    """Open an image for reading; ``unpacked`` is as for ``Image``.

    Raises:
        SquashfsError: It cannot be read or is no squashfs image.
    """
    try:
        with image.open("rb") as stream:
            yield Image(stream, str(image), unpacked)
    except OSError as error:
        raise SquashfsError(f"cannot be read: {error.strerror}", path=str(error.filename or image)) from error


def list_image(image: Path) -> Iterator[Member]:
    """Yield the members of an image.

    Raises:
        SquashfsError: It cannot be read, or it is damaged.
    """
    with open_image(image) as opened:
        for member, _ in opened.members():
            yield member


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
