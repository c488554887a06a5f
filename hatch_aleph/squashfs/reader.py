"""Read images: list, unpack, verify.

The structures are read by PySquashfsImage, so that a mistake of our writer does not meet its twin in our reader.
Three of its methods are replaced: the walk (its own recurses, and stops at names that are not UTF-8), the decompressors
(its own believe whatever size a block claims) and the cache of blocks (its own keeps 256 of them).
"""

from __future__ import annotations

import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySquashfsImage import SquashFsImage
from PySquashfsImage.const import Type

from .codec import decompressor
from .errors import SquashfsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from .contents import Kind

_UNCOMPRESSED = 1 << 24
_CACHED_BLOCKS = 4  # a fragment block is asked for by many files in a row
_KINDS: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}


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


class Image:
    """An open image; its members come sorted as the image has them, directories before their content."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._name = name
        with self._damage():
            self._library = _Library(stream, closefd=False)

    @property
    def superblock(self) -> Any:
        """The library's superblock."""
        return self._library.sblk

    def members(self) -> Iterator[tuple[Member, Any]]:
        """Yield every name but the root with the library's inode, which ``content`` takes."""
        library = self._library
        seen: dict[int, str] = {}
        folders = [("", library.root_inode)]
        while folders:
            base, inode = folders.pop()
            subfolders = []
            with self._damage():
                children = [self._member(base, name, child) for name, child in library.children(inode)]
            for member, child in children:
                if member.number in seen:
                    if member.kind == "directory":
                        raise SquashfsError(
                            f"is damaged: directory {member.path!r} stands in two places", path=self._name
                        )
                    original = seen[member.number]
                    yield Member(member.path, "hardlink", member.mode, 0, member.time, original, member.number), child
                    continue
                seen[member.number] = member.path
                yield member, child
                if member.kind == "directory":
                    subfolders.append((f"{member.path}/", child))
            folders.extend(reversed(subfolders))

    def content(self, inode: Any) -> Iterator[bytes]:
        """Yield a file's bytes, block by block."""
        with self._damage():
            yield from self._library.iter_file(inode)

    def storage(self, inode: Any) -> tuple[int, int, int, int]:
        """Tell where a file's content is stored.

        Returns:
            Bytes of its blocks as stored; number of the fragment block with its tail, or -1; bytes of the tail; bytes
            of that whole fragment block as stored.
        """
        library = self._library
        with self._damage():
            blocks = library._read_block_list(inode.block_start, inode.block_offset, inode.blocks)  # noqa: SLF001 - the library has no public way
            stored = sum(size & (_UNCOMPRESSED - 1) for size in blocks)
            if not inode.frag_bytes:
                return stored, -1, 0, 0
            _, size = library._read_fragment(inode.fragment)  # noqa: SLF001 - as above
        return stored, inode.fragment, inode.frag_bytes, size & (_UNCOMPRESSED - 1)

    def _member(self, base: str, name: bytes, inode: Any) -> tuple[Member, Any]:
        path = base + name.decode("utf-8", "surrogateescape")
        if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
            raise SquashfsError(f"is damaged or malicious: it holds the name {path!r}", path=self._name)
        kind = _KINDS.get(stat.S_IFMT(inode.mode))
        if kind is None:
            raise SquashfsError(f"holds {path!r}, a device, pipe or socket", path=self._name)
        target = bytes(inode._symlink).decode("utf-8", "surrogateescape") if kind == "symlink" else None  # noqa: SLF001 - the public property insists on UTF-8
        size = inode.data if kind == "file" else 0
        return Member(path, kind, stat.S_IMODE(inode.mode), size, inode.time, target, inode.inode_number), inode

    @contextmanager
    def _damage(self) -> Iterator[None]:
        """Tell whatever a library makes of a damaged image in one way."""
        try:
            yield
        except (SquashfsError, OSError, MemoryError) as error:
            if isinstance(error, OSError) and error.errno is None:
                raise SquashfsError("is no squashfs image", path=self._name) from error
            raise
        except Exception as error:
            raise SquashfsError(f"is damaged: {type(error).__name__}: {error}", path=self._name) from error


@contextmanager
def open_image(image: Path) -> Iterator[Image]:
    """Open an image for reading.

    Raises:
        SquashfsError: It cannot be read or is no squashfs image.
    """
    try:
        with image.open("rb") as stream:
            yield Image(stream, str(image))
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


class _Library(SquashFsImage):  # type: ignore[misc] # the library is not typed
    """PySquashfsImage without its recursive scan."""

    def __init__(self, stream: BinaryIO, *, closefd: bool) -> None:
        self._cache: dict[int, bytes] = {}
        self.root_inode: Any = None
        super().__init__(stream, closefd=closefd)

    def children(self, directory: Any) -> list[tuple[bytes, Any]]:
        """Return names and inodes of a directory."""
        start, offset = self._places[directory.inode_number]
        found = []
        for entry in self._opendir(start, offset).entries:
            inode = self._read_inode(entry["start_block"], entry["offset"])
            if entry["type"] == Type.DIR:
                self._places[inode.inode_number] = (entry["start_block"], entry["offset"])
            found.append((bytes(entry["name"]), inode))
        return found

    def _dir_scan(self, start_block: int, offset: int) -> None:
        self.root_inode = self._read_inode(start_block, offset)
        self._places: dict[int, tuple[int, int]] = {self.root_inode.inode_number: (start_block, offset)}

    def _get_compressor(self, compression_id: int) -> Any:
        limit = max(self._sblk.block_size, 8192)
        return _Bounded(decompressor(compression_id, limit))

    def _read_data_block(self, start: int, size: int) -> bytes:
        block = self._cache.get(start)
        if block is None:
            while len(self._cache) >= _CACHED_BLOCKS:
                del self._cache[next(iter(self._cache))]
            self._fd.seek(start)
            block = self._fd.read(size & (_UNCOMPRESSED - 1))
            if not size & _UNCOMPRESSED:
                block = self._comp.uncompress(block, size, self._sblk.block_size)
            self._cache[start] = block
        return block


class _Bounded:
    """A decompressor as the library calls it."""

    def __init__(self, decompress: Any) -> None:
        self._decompress = decompress

    def uncompress(self, source: bytes, _size: int, _expected: int) -> bytes:
        return self._decompress(source)  # type: ignore[no-any-return] # returns bytes, by its own annotation
