"""Compressors by name: what they write, and what the image says about them.

Ids and option blocks: squashfs-tools-ng ``doc/format.adoc``, "Supported Compressors" and "Compression Options"; the
kernel's ``fs/squashfs/{zlib,xz,zstd}_wrapper.c`` read the same.
"""

from __future__ import annotations

import struct
import sys

from .errors import SquashfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Buffer = bytes | bytearray | memoryview
    Compress = Callable[[Buffer], bytes]  # one block by itself; each belongs to one thread

IDS = {"gzip": 1, "xz": 4, "zstd": 6}

_METADATA_SIZE = 8192
_ZSTD_ASSUMED_LEVEL = 15  # what readers take for granted when an image has no option block
_GZIP_ASSUMED_LEVEL = 9
_GZIP_WINDOW_BITS = 15


def compressor(codec: str, level: int, block_size: int) -> Compress:
    """Return a function that compresses one block; make one for each thread."""
    return _MAKERS[codec](level, block_size)


def library_version(codec: str) -> str:
    """Return the version of the library behind a codec, "" if unknown: another may pack the same bytes otherwise."""
    if codec == "zstd":
        return str(zstd_library().zstd_version)
    if codec == "gzip":
        import zlib

        return zlib.ZLIB_RUNTIME_VERSION
    return ""


def option_block(codec: str, level: int) -> bytes:
    """Return the payload of the image's compressor options, empty where readers assume the very same."""
    if codec == "zstd" and level != _ZSTD_ASSUMED_LEVEL:
        return struct.pack("<I", level)
    if codec == "gzip" and level != _GZIP_ASSUMED_LEVEL:
        return struct.pack("<IHH", level, _GZIP_WINDOW_BITS, 0)
    return b""


def zstd_library() -> Any:
    """Return Python's own module of zstd, or what stands for it before 3.14."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def _zstd(level: int, _block_size: int) -> Compress:
    state = zstd_library().ZstdCompressor(level=level)
    compress, whole = state.compress, state.FLUSH_FRAME
    return lambda data: compress(data, whole)


def _gzip(level: int, _block_size: int) -> Compress:
    import zlib

    return lambda data: zlib.compress(data, level)


def _xz(level: int, block_size: int) -> Compress:
    import lzma

    # Without an option block the kernel allocates a dictionary of just this size and refuses larger ones; it knows
    # no check but CRC32 (fs/squashfs/xz_wrapper.c).
    dictionary = max(block_size, _METADATA_SIZE)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": level, "dict_size": dictionary}]

    return lambda data: lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, None, filters)


_MAKERS: dict[str, Callable[[int, int], Compress]] = {"zstd": _zstd, "gzip": _gzip, "xz": _xz}


def decompressor(number: int) -> Callable[[bytes, int], bytes]:
    """Return a function that decompresses one block, and refuses one of more bytes than its second argument.

    Raises:
        SquashfsError: The codec of that id is none of ours.
    """
    codec = next((codec for codec, known in IDS.items() if known == number), None)
    if codec is None:
        raise SquashfsError(
            f"is compressed by codec {number}, which cannot be read here", hint=f"known: {', '.join(IDS)}"
        )
    begin = _READERS[codec]

    def decompress(data: bytes, limit: int) -> bytes:
        state = begin()
        block: bytes = state.decompress(data, limit)
        if not state.eof:
            raise SquashfsError(f"a block that is cut off, or of more than {limit} bytes")
        return block

    return decompress


def _unzstd() -> Any:
    return zstd_library().ZstdDecompressor()


def _ungzip() -> Any:
    import zlib

    return zlib.decompressobj()


def _unxz() -> Any:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ)


_READERS: dict[str, Callable[[], Any]] = {"zstd": _unzstd, "gzip": _ungzip, "xz": _unxz}
