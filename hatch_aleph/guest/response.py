"""Answers as the host can deliver them.

The host (``run_code_on_request`` in ``src/aleph/vm/orchestrator/run.py``, aleph-im/aleph-vm) takes one body,
passes the app's Content-Length on whatever came, deletes Content-Encoding, Transfer-Encoding and Vary, and reads
headers and 404 bodies as text.
"""

from __future__ import annotations

from typing import List, Tuple  # noqa: UP035 - evaluated on Python 3.9 as an alias

Headers = List[Tuple[bytes, bytes]]  # noqa: UP006

_NOT_FOUND = 404
_NO_CONTENT = (204, 205)
_NOT_MODIFIED = 304
_PRINTED = 60


class Body(bytes):
    """Bytes that stay short when the init formats them for its log, once per answer."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes {bytes(self[:_PRINTED])!r}>"


def plain(status: int, text: str, headers: object = ()) -> tuple[int, Headers, bytes]:
    """Make an answer of our own."""
    return status, [(b"content-type", b"text/plain; charset=utf-8"), *headers], text.encode()  # type: ignore[misc]


def finish(method: str, status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
    """Make an answer fit for the host: plain encoding, true length, text where text is read."""
    kept, length, encodings = _sort(headers)
    if encodings:
        length = None
        if body:
            from .encodings import decode  # few apps compress without being asked

            try:
                body = decode(body, encodings)
            except ValueError as error:
                return finish(method, *plain(500, f"{error}\n"))
    if status == _NOT_FOUND:
        kept, body = _as_text(kept, body)
    if method == "HEAD" or status == _NOT_MODIFIED:
        length = length or (b"%d" % len(body) if body else None)
        body = b""
    elif status in _NO_CONTENT or status < 200:  # noqa: PLR2004 - informational
        length, body = None, b""
    else:
        length = b"%d" % len(body)
    if length is not None:
        kept.append((b"content-length", length))
    return status, kept, Body(body)


def _sort(headers: Headers) -> tuple[Headers, bytes | None, list[bytes]]:
    """Part the headers into those that stay, the declared length, and the encodings to undo."""
    kept: Headers = []
    length = None
    encodings: list[bytes] = []
    for name, value in headers:
        if name == b"content-length":
            length = value
        elif name == b"content-encoding":
            encodings += [one for one in value.lower().replace(b" ", b"").split(b",") if one != b"identity"]
        elif name != b"transfer-encoding":
            kept.append((name, value if value.isascii() else _as_utf8(value)))
    return kept, length, encodings


def _as_utf8(value: bytes) -> bytes:
    """Keep the text of a header in Latin-1, as HTTP had it: the host reads UTF-8 alone and would answer 500."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1").encode()
    return value


def _as_text(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """Let the host, which turns each 404 into JSON, read its body."""
    kind = dict(headers).get(b"content-type", b"").decode("latin-1")
    charset = kind.lower().partition("charset=")[2].partition(";")[0].strip(" \"'") or "utf-8"
    try:
        again = body.decode(charset).encode()
    except (UnicodeError, LookupError):
        again, charset = body.decode("utf-8", "replace").encode(), ""
    if again != body or not charset:
        headers = [one for one in headers if one[0] != b"content-type"]
        headers.append((b"content-type", b"text/plain; charset=utf-8"))
    return headers, again
