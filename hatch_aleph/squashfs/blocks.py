"""Work of the threads: read files piece by piece, compress their blocks, hand over their tails."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .contents import UNCOMPRESSED
from .errors import SquashfsError

if TYPE_CHECKING:
    from pathlib import Path

    from .codec import Compress

_OPEN = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be read, and how it looked when the work was planned."""

    path: str
    content: Path | bytes
    size: int
    changed: int

    @classmethod
    def of(cls, path: str, content: Path | bytes | None) -> Source:
        """Measure a file.

        Raises:
            SquashfsError: There is no such file, or it is something else.
        """
        if isinstance(content, bytes):
            return cls(path, content, len(content), 0)
        if content is None:
            raise SquashfsError("a file without a source", path=path)
        try:
            status = os.stat(content)  # noqa: PTH116 - thousands of files: pathlib's own costs twice the call
        except OSError as error:
            raise SquashfsError(f"cannot be read: {error.strerror}", path=str(content)) from error
        if not stat.S_ISREG(status.st_mode):
            raise SquashfsError("is not a regular file", path=str(content))
        return cls(path, content, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file, from a border of blocks on; ``index`` is the file's number in its group."""

    index: int
    source: Source
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Packed:
    """What became of a piece: its blocks as stored, their sizes as the inode has them, and the file's tail."""

    index: int
    stored: list[bytes]
    sizes: list[int]
    tail: bytes
    digest: bytes


class Worker:
    """One thread's compressor and buffer."""

    def __init__(self, compress: Compress, block_size: int, piece_size: int) -> None:
        self._compress = compress
        self._block_size = block_size
        self._buffer = memoryview(bytearray(piece_size))
        self._zeros = bytes(block_size)

    def pack(self, pieces: list[Piece]) -> list[Packed]:
        """Read and compress pieces, in their order."""
        return [self._pack(piece) for piece in pieces]

    def block(self, data: bytes | memoryview) -> tuple[bytes, int]:
        """Return a block as stored and its size as inodes and the fragment table have it."""
        packed = self._compress(data)
        if len(packed) < len(data):
            return packed, len(packed)
        return bytes(data), len(data) | UNCOMPRESSED

    def digest(self, source: Source) -> bytes:
        """Return the digest of a file's whole content."""
        state = hashlib.sha256()
        for start in range(0, source.size, len(self._buffer)):
            state.update(self._read(Piece(0, source, start, min(len(self._buffer), source.size - start))))
        return state.digest()

    def _pack(self, piece: Piece) -> Packed:
        data = self._read(piece)
        whole = piece.length - piece.length % self._block_size
        stored, sizes = [], []
        for start in range(0, whole, self._block_size):
            block = data[start : start + self._block_size]
            if block == self._zeros:
                sizes.append(0)
                continue
            packed, size = self.block(block)
            stored.append(packed)
            sizes.append(size)
        tail = bytes(data[whole:])
        return Packed(piece.index, stored, sizes, tail, hashlib.sha256(tail).digest() if tail else b"")

    def _read(self, piece: Piece) -> memoryview:
        source = piece.source
        if isinstance(source.content, bytes):
            return memoryview(source.content)[piece.start : piece.start + piece.length]
        view = self._buffer[: piece.length]
        try:
            with io.FileIO(os.open(source.content, _OPEN), closefd=True) as file:
                if piece.start:
                    file.seek(piece.start)
                read = 0
                while read < piece.length and (count := file.readinto(view[read:])):
                    read += count
                status = os.fstat(file.fileno())
        except OSError as error:
            raise SquashfsError(f"cannot be read: {error.strerror}", path=str(source.content)) from error
        if read != piece.length or status.st_size != source.size or status.st_mtime_ns != source.changed:
            raise SquashfsError(
                "was changed while it was read", path=str(source.content), hint="try again when nothing writes to it"
            )
        return view
