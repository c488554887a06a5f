"""What is in archives: zip (wheels too), tar, what gzip, bzip2 or xz has compressed; archives in archives as well."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

if TYPE_CHECKING:
    from collections.abc import Iterator

# So much is looked through of one archive, in bytes as they unpack; and so deep.
MAX_BYTES = 1 << 26
MAX_DEPTH = 3
# So much is searched at once; no form is longer than what two pieces share, so none is cut in two.
PIECE, OVERLAP = 1 << 22, 1 << 13
SEPARATOR = "!"
_STEP = 1 << 16
_COMPRESSED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_ZIP, _ZIP_END, _ZIP_COMMENT = b"PK\x03\x04", b"PK\x05\x06", 1 << 16
_TAR, _TAR_AT = b"ustar", 257
FAULTS = (
    BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError, KeyError,
)  # fmt: skip


def is_archive(head: bytes) -> bool:
    """Tell whether a file is one that can be looked into, by its beginning, or by all of it where that is short."""
    is_tar = head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR
    is_zip = _ZIP in head[:_ZIP_COMMENT] or _ZIP_END in head[-_ZIP_COMMENT:]  # a program may stand before it
    return is_tar or is_zip or head.startswith(tuple(_COMPRESSED))


def members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the files in an archive, and of those in its archives: ``inner.zip!secret.txt``.

    What is damaged, encrypted or beyond the bounds is passed over.
    """
    yield from _Reader().members(data, MAX_DEPTH)


class _Reader:
    def __init__(self) -> None:
        self._left = MAX_BYTES

    def members(self, data: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
        try:
            for name, content in self._files(data):
                yield name, content
                if depth > 1 and is_archive(content):
                    for inner, inner_content in self.members(content, depth - 1):
                        yield f"{name}{SEPARATOR}{inner}", inner_content
        except FAULTS:
            return

    def _files(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        for magic, open_ in _COMPRESSED.items():
            if data.startswith(magic):
                with open_(io.BytesIO(data)) as stream:
                    data = self._read(stream)
                if not is_archive(data):
                    yield "", data
                    return
        if data[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
            yield from self._in_tar(data)
        else:
            yield from self._in_zip(data)

    def _in_tar(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for item in archive:
                stream = archive.extractfile(item) if item.isfile() else None
                if stream is not None:
                    yield item.name, self._read(stream)

    def _in_zip(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        with ZipFile(io.BytesIO(data)) as archive:
            for item in archive.infolist():
                if not item.is_dir() and not item.flag_bits & 1:
                    try:
                        with archive.open(item) as stream:
                            content = self._read(stream)
                    except FAULTS:  # one damaged member hides no other
                        continue
                    yield item.filename, content

    def _read(self, stream: Any) -> bytes:
        """Read what there is, up to the bound; what comes before a damage counts."""
        pieces = []
        while self._left:
            try:
                piece = stream.read1(min(self._left, _STEP))
            except FAULTS:
                break
            if not piece:
                break
            pieces.append(piece)
            self._left -= len(piece)
        return b"".join(pieces)
