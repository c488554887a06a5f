"""Answers as the host can deliver them.

The host (``run_code_on_request`` in ``src/aleph/vm/orchestrator/run.py``, aleph-im/aleph-vm) takes one body,
passes the app's Content-Length on whatever came, deletes Content-Encoding, Transfer-Encoding and Vary, and reads
headers and 404 bodies as text.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, List, Optional, Tuple  # noqa: UP035 - evaluated on Python 3.9 as an alias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Headers = List[Tuple[bytes, bytes]]  # noqa: UP006
Head = Tuple[Headers, Optional[bytes], List[bytes]]  # noqa: UP006

_NOT_FOUND = 404
_NO_CONTENT = (204, 205)
_NOT_MODIFIED = 304
_PRINTED = 60
_DESCRIBING_THE_BODY = frozenset((b"content-length", b"content-encoding", b"transfer-encoding"))


class Body(bytes):
    """Bytes that stay short when the init formats them for its log, once per answer."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes {bytes(self[:_PRINTED])!r}>"


def plain(status: int, text: str, headers: object = ()) -> tuple[int, Headers, bytes]:
    """Make an answer of our own."""
    return status, [(b"content-type", b"text/plain; charset=utf-8"), *headers], text.encode()  # type: ignore[misc]


def finish(method: str, status: int, headers: Iterable[Any], body: bytes) -> tuple[int, Headers, bytes]:
    """Make an answer fit for the host: plain encoding, true length, text where text is read.

    Raises:
        ValueError: For headers that HTTP does not allow.
    """
    return finish_with(method, status, head_of(headers), body)


def finish_with(method: str, status: int, head: Head, body: bytes) -> tuple[int, Headers, bytes]:
    """Make an answer fit for the host, of headers that were looked through."""
    kept, length, encodings = head
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
    return status, kept, Body(body) if len(body) > _PRINTED else body


def head_of(headers: Iterable[Any]) -> Head:
    """Look through the headers: those that stay, the declared length, and the encodings to undo.

    Raises:
        ValueError: For headers that HTTP does not allow: uvicorn and gunicorn refuse the same.
    """
    kept: Headers = []
    values = []
    length = None
    encodings: list[bytes] = []
    for name, value in headers:
        name = _field_name(name if name.__class__ is bytes else bytes(name))  # noqa: PLW2901
        # Django's cookies begin with a space, which HTTP takes away
        value = (value if value.__class__ is bytes else bytes(value)).strip(b" \t")  # noqa: PLW2901
        values.append(value)
        if name not in _DESCRIBING_THE_BODY:
            kept.append((name, value if value.isascii() else _as_utf8(value)))
        elif name == b"content-length":
            length = value
        elif name == b"content-encoding":
            encodings += [one for one in value.lower().replace(b" ", b"").split(b",") if one != b"identity"]
    if _illegal_in_values()(b"".join(values)):
        raise ValueError("invalid HTTP header value")
    return kept, length, encodings


@functools.lru_cache(256)
def _field_name(name: bytes) -> bytes:
    lower = name.lower()
    if not re.fullmatch(rb"[!#$%&'*+\-.^_`|~0-9a-z]*", lower):
        raise ValueError("invalid HTTP header name")
    return lower


@functools.lru_cache(1)
def _illegal_in_values() -> Callable[[bytes], Any]:
    """Compile at the first answer what start-up has no time for."""
    return re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search


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
