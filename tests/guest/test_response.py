from __future__ import annotations

import gzip
import zlib

import pytest

from hatch_aleph.guest.encodings import decode
from hatch_aleph.guest.response import Body, finish

RAW_DEFLATE = zlib.compressobj(wbits=-15)


def test_a_wrong_length_is_put_right():
    assert finish("GET", 200, [(b"content-length", b"10")], b"12345")[1] == [(b"content-length", b"5")]


def test_head_keeps_the_length_that_get_would_have():
    assert finish("HEAD", 200, [(b"content-length", b"10")], b"") == (200, [(b"content-length", b"10")], b"")
    assert finish("HEAD", 200, [], b"12345") == (200, [(b"content-length", b"5")], b"")
    assert finish("HEAD", 200, [], b"") == (200, [], b"")


@pytest.mark.parametrize("status", [101, 204, 205])
def test_statuses_without_a_body(status):
    assert finish("GET", status, [(b"content-length", b"0")], b"x") == (status, [], b"")


def test_not_modified_keeps_its_length():
    assert finish("GET", 304, [(b"content-length", b"9"), (b"etag", b"a")], b"")[1] == [
        (b"etag", b"a"),
        (b"content-length", b"9"),
    ]


def test_the_hosts_dropped_headers_are_dropped_with_their_effect():
    body = gzip.compress(b"text")
    headers = [(b"content-encoding", b"gzip"), (b"transfer-encoding", b"chunked"), (b"content-length", b"24")]
    assert finish("GET", 200, headers, body) == (200, [(b"content-length", b"4")], b"text")
    assert finish("GET", 200, [(b"content-encoding", b"identity")], b"text")[2] == b"text"
    assert finish("HEAD", 200, headers, b"")[1] == []


@pytest.mark.parametrize(
    ("body", "encodings"),
    [
        (gzip.compress(b"text"), [b"gzip"]),
        (gzip.compress(b"te") + gzip.compress(b"xt"), [b"x-gzip"]),
        (zlib.compress(b"text"), [b"deflate"]),
        (RAW_DEFLATE.compress(b"text") + RAW_DEFLATE.flush(), [b"deflate"]),
        (gzip.compress(zlib.compress(b"text")), [b"deflate", b"gzip"]),
    ],
    ids=["gzip", "two members", "deflate", "raw deflate", "twice"],
)
def test_compression_is_undone(body, encodings):
    assert decode(body, encodings) == b"text"


@pytest.mark.parametrize(("body", "encodings"), [(b"no gzip", [b"gzip"]), (b"x", [b"br"]), (b"x", [b"zstd"])])
def test_what_cannot_be_undone_is_an_error_with_words(body, encodings):
    status, headers, text = finish("GET", 200, [(b"content-encoding", encodings[0])], body)
    assert status == 500
    assert b"program" in text
    assert dict(headers)[b"content-length"] == b"%d" % len(text)


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (b"text/html; charset=latin-1", b"\xe9", "é".encode()),
        (b"application/json", b"{}", b"{}"),
        (b"image/png", b"\x89PNG", b"\xef\xbf\xbdPNG"),
        (b"text/plain; charset=klingon", b"a", b"a"),
    ],
)
def test_404_bodies_can_be_read_by_the_host(kind, body, expected):
    _, headers, got = finish("GET", 404, [(b"age", b"1"), (b"content-type", kind), (b"x-a", b"b")], body)
    assert got == expected
    assert {(b"age", b"1"), (b"x-a", b"b")} <= set(headers)
    charset = dict(headers)[b"content-type"].partition(b"charset=")[2].decode() or "utf-8"
    assert got.decode(charset) == expected.decode()


def test_bodies_stay_bytes_with_a_short_repr():
    body = Body(b"x" * 1_000_000)
    assert len(repr(body)) < 120
    assert isinstance(body, bytes)
    assert body == b"x" * 1_000_000
