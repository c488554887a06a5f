"""Quoting again what the host has decoded."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from hatch_aleph.guest.scope import _headers, complete_scope, requote_path, requote_query

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def host_query(raw: str) -> str:
    return URL("http://h/?" + raw, encoded=True).query_string


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.tuples(text, text), max_size=5))
def test_form_fields_survive_the_host(fields):
    raw = urlencode(fields)
    fields_back = parse_qsl(requote_query(host_query(raw)).decode(), keep_blank_values=True)
    lost = any(kept in text.upper() for pair in fields for text in pair for kept in ("%2B", "%26", "%3D", "%3B"))
    high = any("%" in text for pair in fields for text in pair)
    if not lost and not high:
        assert fields_back == parse_qsl(raw, keep_blank_values=True)


@settings(deadline=None)  # a busy machine is no failure
@given(st.binary(max_size=20))
def test_bytes_of_any_encoding_survive_the_host(value):
    raw = "a=" + "".join(f"%{byte:02X}" for byte in value if byte != 0x25)
    assert parse_qsl(requote_query(host_query(raw)).decode(), True, encoding="latin-1") == parse_qsl(
        raw, True, encoding="latin-1"
    )


@pytest.mark.parametrize(
    ("raw", "back"),
    [
        ("a=b&c=d", "a=b&c=d"),
        ("a=b+c%20d", "a=b%20c%20d"),
        ("a=%2B%26%3D%3B", "a=%2B%26%3D%3B"),
        ("a=100%25", "a=100%25"),
        ("a=c%2541", "a=c%2541"),
        ("a=%25C3%25A9", "a=%25C3%25A9"),
        ("a=%C3%A9%FF", "a=%C3%A9%FF"),
        ("a=%23%3F", "a=%23?"),
        ("a[]=1&b={}", "a%5B%5D=1&b=%7B%7D"),
        ("a", "a"),
        ("", ""),
    ],
)
def test_query(raw, back):
    assert requote_query(host_query(raw)) == back.encode()


def test_a_query_in_bytes_is_left_alone():
    assert requote_query(b"a=%20") == b"a=%20"


@settings(deadline=None)  # a busy machine is no failure
@given(text)
def test_paths_are_quoted_so_that_they_decode_to_themselves(path):
    path = "/" + path.replace("%", "")
    again, raw = requote_path(path)
    assert again == path
    assert unquote(raw.decode("ascii")) == path


@pytest.mark.parametrize(
    ("given_path", "path", "raw"),
    [
        ("/a b/é", "/a b/é", b"/a%20b/%C3%A9"),
        ("/100%", "/100%", b"/100%25"),
        ("/a%41", "/a%41", b"/a%2541"),
        ("/%FF", "/\ufffd", b"/%FF"),
        ("/q?x#y", "/q?x#y", b"/q%3Fx%23y"),
    ],
)
def test_path(given_path, path, raw):
    assert requote_path(given_path) == (path, raw)


@pytest.mark.parametrize(
    ("host", "server"),
    [
        (b"a.aleph.sh", ("a.aleph.sh", 80)),
        (b"localhost:4020", ("localhost", 4020)),
        (b"[::1]:80", ("[::1]", 80)),
        (b"[::1]", ("[::1]", 80)),
        (b"", ("localhost", 80)),
    ],
)
def test_server_comes_from_the_host_header(host, server):
    given_scope = {"path": "/", "query_string": "", "method": "GET", "headers": [[b"host", host]]}
    assert complete_scope(given_scope, b"", {})["server"] == server


@pytest.mark.parametrize(
    ("given_headers", "body", "seen"),
    [
        ([(b"content-length", b"5"), (b"x-a", b"1")], b"12345", [(b"x-a", b"1"), (b"content-length", b"5")]),
        ([(b"transfer-encoding", b"chunked"), (b"x-a", b"1")], b"", [(b"x-a", b"1"), (b"content-length", b"0")]),
        ([(b"accept-encoding", b"br"), (b"a", b"1"), (b"z", b"2")], b"", [(b"a", b"1"), (b"z", b"2")]),
        ([(b"content-encoding", b"x-own")], b"ab", [(b"content-encoding", b"x-own"), (b"content-length", b"2")]),
        ([(b"content-encoding", b"gzip"), (b"content-length", b"9")], b"ab", [(b"content-length", b"2")]),
    ],
)
def test_headers_that_the_host_has_settled_are_written_anew_and_all_others_kept(given_headers, body, seen):
    assert _headers(given_headers, body)[0] == seen
