from __future__ import annotations

import pytest

from hatch_aleph.errors import NetworkError
from hatch_aleph.text import printable, public_address, without_credentials, without_user_parts


def test_no_terminal_obeys_what_is_printed() -> None:
    assert printable("a\x1b[31m\x9b1m\u202e\u2028\r\n\t\x00z") == r"a\x1b[31m\x9b1m\u202e\u2028\r\n\t\x00z"


def test_words_of_any_language_stay() -> None:
    text = "Ünïcödé 漢字\u3000かな — 5\u202f000\u00a0€ 🚀"
    assert printable(text) == text


def test_bytes_that_are_no_text_are_shown() -> None:
    assert printable("caf\udce9") == r"caf\xe9"


def test_line_feeds_stay_where_the_caller_says_so() -> None:
    assert printable("a\n\tb\r", keep="\n\t") == "a\n\tb\\r"


def test_an_error_cannot_speak_to_the_terminal() -> None:
    error = NetworkError("The node says \x1b]0;owned\x07", where="a\x1b[2Jb", hint="one\ntwo")
    assert str(error) == "a\\x1b[2Jb: The node says \\x1b]0;owned\\x07\none\ntwo"


SECRET = "hunter2SECRET"


@pytest.mark.parametrize(
    "address",
    [
        f"https://user:{SECRET}@index.example.org/simple/",
        f"https://{SECRET}@index.example.org/simple/",
        f"https://user:p)(!,'{SECRET}@index.example.org/simple/",
        f"https://user:{SECRET}/x@index.example.org/simple/",
        f"https://index.example.org/{SECRET}/simple/a/a-1.0-py3-none-any.whl",
        f"https://index.example.org/a-1.0.tar.gz?X-Amz-Signature={SECRET}",
        f"https://files.pythonhosted.org/a-1.0.tar.gz?sig={SECRET}",
        f"https://pypi.org.example.org/{SECRET}/",
        f"https://example.org:8443/#{SECRET}",
        f"git+https://x-access-token:{SECRET}@github.com/org/repo@main",
        f"https://pypi.org@example.org/{SECRET}/simple",
        f"http://127.0.0.1:4021@example.org/{SECRET}",
    ],
)
def test_credentials_leave_every_address(address: str) -> None:
    for text in (
        address,
        f"Failed to fetch `{address}`: 401",
        f'{{"url":"{address}"}}',
        f"({address}), twice {address}.",
    ):
        assert SECRET not in without_credentials(text)
        assert text[:1] == without_credentials(text)[:1]
    assert SECRET not in (public_address(address) or "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at https://pypi.org/simple/fastapi/.", "at https://pypi.org/simple/fastapi/."),
        ("at https://pypi.org:443/simple/", "at https://pypi.org:443/simple/"),
        ("https://u:p@nexus.example.org:8443/r/simple/", "https://nexus.example.org:8443/…"),
        ("(https://nexus.example.org)", "(https://nexus.example.org)"),
        ("https://nexus.example.org/", "https://nexus.example.org/"),
        (
            "https://x.example.org/t/a-1.0-py3-none-any.whl.metadata",
            "https://x.example.org/…/a-1.0-py3-none-any.whl.metadata",
        ),
        ("git+https://github.com/org/repo@v1", "git+https://github.com/org/repo@v1"),
        ("http://[::1]:4021/api/v0/price", "http://[::1]:4021/api/v0/price"),
        ("no address: a@b.c, C:/x", "no address: a@b.c, C:/x"),
    ],
)
def test_what_anybody_may_see_stays(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_public_addresses_are_told_from_others() -> None:
    assert public_address("https://user:x@pypi.org/simple/a/?b#c") == "https://pypi.org/simple/a/"
    assert public_address("https://pypi.example.org/simple") is None
    assert public_address("a local path") is None


def test_an_address_that_is_to_be_used_loses_its_user_part_only() -> None:
    assert without_user_parts("https://u:p@example.org/x?y=1") == "https://example.org/x?y=1"
