"""The full ASGI scope of a request, from the five keys that the guest gets.

The host (``build_asgi_scope`` in ``src/aleph/vm/orchestrator/run.py``, aleph-im/aleph-vm) sends type, method,
headers, and the path and the query as text that yarl has already percent-decoded.
"""

from __future__ import annotations

import functools
import re
from typing import Any
from urllib.parse import quote, unquote

# adjacent escapes above ASCII, which are decoded together; any other escape; a percent sign alone
_ESCAPES = "(?:%[89A-Fa-f][0-9A-Fa-f])+|%[0-7][0-9A-Fa-f]|%"
_UNRESERVED_IN_PATH = "/:@!$&'()*+,;=~"
_UNRESERVED_IN_QUERY = "/?:@!$'()*,;~&=+"
# yarl leaves these escaped in a query, since they would change its meaning
_KEPT_IN_QUERY = ("%2B", "%26", "%3D", "%3B")
_DECODED_BY_HOST = (b"gzip", b"deflate")
_OF_A_BODY = frozenset((b"content-length", b"content-encoding", b"transfer-encoding"))
_REWRITTEN = _OF_A_BODY | {b"accept-encoding"}
_KNOWN = _REWRITTEN | {b"host", b"x-forwarded-proto", b"x-forwarded-for"}
# requests come back to the same few paths and hosts
_remembered = functools.lru_cache(128)


def complete_scope(given: dict[str, Any], body: bytes, state: dict[str, Any]) -> dict[str, Any]:
    """Make what an ASGI server would have made of the same request.

    Args:
        given: The scope as the init passes it.
        body: The request's whole body.
        state: The lifespan state; each request gets a shallow copy.
    """
    headers, known = _headers(given["headers"], body)
    scheme = "https" if known.get(b"x-forwarded-proto") == b"https" else "http"
    path, raw_path = requote_path(given["path"])
    query = given["query_string"]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": _server(known.get(b"host", b""), scheme),
        "client": _client(known.get(b"x-forwarded-for", b"")),
        "scheme": scheme,
        "method": given["method"],
        "root_path": "",
        "path": path,
        "raw_path": raw_path,
        "query_string": requote_query(query) if query else b"",
        "headers": headers,
        "state": state.copy(),
        "extensions": {},
    }


def _headers(given: Any, body: bytes) -> tuple[list[tuple[bytes, bytes]], dict[bytes, bytes]]:
    """Copy the headers that still describe the request, and pick those that the scope is made of.

    ``accept-encoding`` goes, since the host drops the ``Content-Encoding`` of answers. The host has read a chunked
    body whole and decompressed a compressed one, without telling.
    """
    headers = []
    known = {}
    for name, value in given:
        if name in _KNOWN:
            known[name] = value
            if name in _REWRITTEN:
                continue
        headers.append((name, value))
    if body or not _OF_A_BODY.isdisjoint(known):
        length, encoding = known.get(b"content-length"), known.get(b"content-encoding")
        actual = b"%d" % len(body)
        if encoding is not None and (length == actual or encoding.strip().lower() not in _DECODED_BY_HOST):
            headers.append((b"content-encoding", encoding))
        if body or length is not None or b"transfer-encoding" in known:
            headers.append((b"content-length", actual))
    return headers, known


@_remembered
def requote_path(path: str) -> tuple[str, bytes]:
    """Give ``path`` and ``raw_path`` for a path that was percent-decoded.

    Escaped bytes that are no UTF-8 were left escaped by the host; every other ``%`` is one that the client had escaped.
    """
    if "%" not in path:
        return path, quote(path, safe=_UNRESERVED_IN_PATH).encode()
    raw = _quote_around_escapes(path, _UNRESERVED_IN_PATH, ())
    return unquote(raw), raw.encode()


@_remembered
def requote_query(query: str | bytes) -> bytes:
    """Give the query string as bytes, percent-encoded as closely to the client's as the decoded text allows."""
    if isinstance(query, bytes):
        return query
    if "%" not in query:
        return quote(query, safe=_UNRESERVED_IN_QUERY).encode()
    return _quote_around_escapes(query, _UNRESERVED_IN_QUERY, _KEPT_IN_QUERY).encode()


def _quote_around_escapes(text: str, safe: str, kept: tuple[str, ...]) -> str:
    parts: list[str] = []
    end = 0
    for match in re.finditer(_ESCAPES, text):
        parts += quote(text[end : match.start()], safe=safe), _requote(match[0], kept)
        end = match.end()
    parts.append(quote(text[end:], safe=safe))
    return "".join(parts)


def _requote(escape: str, kept: tuple[str, ...]) -> str:
    """Decide whether the client wrote these escapes, or escaped their percent signs."""
    if escape.upper() in kept or "\ufffd" in unquote(escape):
        return escape
    return escape.replace("%", "%25")


@_remembered
def _server(host: bytes, scheme: str) -> tuple[str, int]:
    name, _, port = host.decode("latin-1").rpartition(":")
    if name and port.isdecimal() and not name.endswith(":"):
        return name, int(port)
    return host.decode("latin-1") or "localhost", 443 if scheme == "https" else 80


@_remembered
def _client(forwarded: bytes) -> tuple[str, int]:
    """Take the address that the proxy nearest to the host has seen: the last one; clients can forge the others."""
    return forwarded.decode("latin-1").rpartition(",")[2].strip() or "127.0.0.1", 0
