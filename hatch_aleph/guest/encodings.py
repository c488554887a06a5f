"""Undo the compression of an answer, whose header the host would drop."""

from __future__ import annotations

import zlib

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


def decode(body: bytes, encodings: list[bytes]) -> bytes:
    """Undo the encodings, the last one first.

    Raises:
        ValueError: For an encoding that the standard library cannot undo, or a body that is not in it.
    """
    for encoding in reversed(encodings):
        if encoding in (b"gzip", b"x-gzip"):
            body = _inflate(body, _GZIP_OR_ZLIB)
        elif encoding == b"deflate":
            # either with zlib's frame, as RFC 9110 says, or raw, as some write it
            framed = body[:1] == b"\x78"
            body = _inflate(body, zlib.MAX_WBITS if framed else -zlib.MAX_WBITS)
        else:
            name = encoding.decode("latin-1")
            message = (
                f"The program compressed its answer with {name!r} although no client asked for it. "
                "The host drops the Content-Encoding header, so the answer would be unreadable"
            )
            raise ValueError(message)
    return body


def _inflate(body: bytes, window: int) -> bytes:
    parts = []
    while body:
        engine = zlib.decompressobj(window)
        try:
            parts.append(engine.decompress(body) + engine.flush())
        except zlib.error as error:
            message = f"The program's answer is not compressed as its Content-Encoding says: {error}"
            raise ValueError(message) from error
        body = engine.unused_data  # gzip files may stand one after the other
    return b"".join(parts)
