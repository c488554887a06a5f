"""Work of the threads: read files piece by piece, compress their blocks, hand over their tails."""

from __future__ import annotations

import os

from .contents import UNCOMPRESSED
from .errors import SquashfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .codec import Compress
    from .contents import Node

    # File, its number in the group, first byte, bytes, whether the digest of the tail is wanted.
    Piece = tuple[Node, int, int, int, bool]
    # Number of the file, blocks as stored, their sizes as the inode has them, the file's tail, its digest.
    Packed = tuple[int, list[bytes], list[int], bytes, bytes]

_OPEN = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class Worker:
    """One thread's compressor and buffer."""

    def __init__(self, compress: Compress, block_size: int, buffer_size: int) -> None:
        self._compress = compress
        self._block_size = block_size
        self._buffer = memoryview(bytearray(buffer_size))
        self._zeros = bytes(block_size)

    def pack(self, pieces: Sequence[Piece]) -> list[Packed]:
        """Read and compress pieces, in their order."""
        done: list[Packed] = []
        for node, index, start, length, wanted in pieces:
            stored: list[bytes] = []
            sizes: list[int] = []
            if length < self._block_size:
                tail = _read_tail(node, start, length)
            else:
                for data in self._read(node, start, length):
                    tail = self._blocks(data, stored, sizes)
            done.append((index, stored, sizes, tail, _digest(tail) if wanted else b""))
        return done

    def block(self, data: bytes | memoryview) -> tuple[bytes, int]:
        """Return a block as stored and its size as inodes and the fragment table have it."""
        packed = self._compress(data)
        if len(packed) < len(data):
            return packed, len(packed)
        return bytes(data), len(data) | UNCOMPRESSED

    def digest(self, node: Node) -> bytes:
        """Return the digest of a file's whole content."""
        import hashlib

        state = hashlib.sha256()
        for data in self._read(node, 0, node.size):
            state.update(data)
        return state.digest()

    def _blocks(self, data: memoryview, stored: list[bytes], sizes: list[int]) -> bytes:
        """Compress whole blocks; return the bytes behind the last one."""
        whole = len(data) - len(data) % self._block_size
        for start in range(0, whole, self._block_size):
            block = data[start : start + self._block_size]
            # Of bytes: views are compared item by item, ten times slower than packing.
            if not block[0] and not block[-1] and bytes(block) == self._zeros:
                sizes.append(0)
                continue
            packed, size = self.block(block)
            stored.append(packed)
            sizes.append(size)
        return bytes(data[whole:])

    def _read(self, node: Node, start: int, length: int) -> Iterator[memoryview]:
        """Yield a part of a file, as much at a time as the buffer holds, which the next one overwrites."""
        source = node.source
        assert source is not None  # noqa: S101 - files have one, see Entry.node
        if isinstance(source, bytes):
            yield memoryview(source)[start : start + length]
            return
        try:
            handle = os.open(source, _OPEN)
            try:
                if start:
                    os.lseek(handle, start, os.SEEK_SET)
                while length:
                    view = self._buffer[:length]
                    read = 0
                    while read < len(view) and (count := _read_into(handle, view[read:])):
                        read += count
                    if read < len(view):
                        raise _changed(source)
                    yield view
                    length -= read
                status = os.fstat(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise SquashfsError(f"cannot be read: {error.strerror}", path=source) from error
        if status.st_size != node.size or status.st_mtime_ns != node.changed:
            raise _changed(source)


def _read_into(handle: int, view: memoryview) -> int:
    if hasattr(os, "readv"):
        return os.readv(handle, [view])
    data = os.read(handle, len(view))
    view[: len(data)] = data
    return len(data)


def _read_tail(node: Node, start: int, length: int) -> bytes:
    """Return what is below one block: one call, so that no more need be asked than whether it had that length."""
    source = node.source
    assert source is not None  # noqa: S101 - files have one, see Entry.node
    if isinstance(source, bytes):
        return source[start:]
    try:
        handle = os.open(source, _OPEN)
        try:
            if start:
                os.lseek(handle, start, os.SEEK_SET)
            tail = os.read(handle, length + 1)
        finally:
            os.close(handle)
    except OSError as error:
        raise SquashfsError(f"cannot be read: {error.strerror}", path=source) from error
    if len(tail) != length:
        raise _changed(source)
    return tail


def _digest(tail: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(tail).digest()


def _changed(source: str) -> SquashfsError:
    return SquashfsError("was changed while it was read", path=source, hint="try again when nothing writes to it")
