from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hatch_aleph.errors import NetworkError, UsageError
from hatch_aleph.network.domains import (
    DnsOverHttps,
    attached,
    changes,
    check_records,
    detached,
    host_name,
    required_records,
)
from tests.network.scripted import RECORDED, ScriptedNode, as_json, as_text, unused_url

if TYPE_CHECKING:
    from collections.abc import Iterator

H, OTHER = "ab" * 32, "cd" * 32
OWNER = "0xB380C200822E5626f99DF90c1D5e38Be416ca55c"
TARGET = "api.example.org.program.public.aleph.sh"
# As recorded from a real node after attaching.
AGGREGATE = RECORDED["domains"]["json"]["data"]["domains"]


def zone(**records: list[str]) -> Any:
    """A DNS of a few names: keys are type, two underscores, name with underscores for dots."""

    def lookup(name: str, type_: str) -> tuple[str, ...]:
        return tuple(records.get(f"{type_}__{name.replace('.', '_')}", ()))

    return lookup


def test_what_a_real_aggregate_holds() -> None:
    assert attached(AGGREGATE) == {"example.org": AGGREGATE["example.org"]["message_id"]}
    assert attached({"example.org": None, "a.b": 3}) == attached(None) == {}


def test_what_aleph_rs_has_detached_keeps_an_entry_with_nothing_in_it() -> None:
    entries = {"b.example": {"message_id": ""}, "a.example": {}, "c.example": {"message_id": H}, "d.example": None}
    assert detached(entries) == ["a.example", "b.example"]
    assert attached(entries) == {"c.example": H}


def test_only_changes_are_said() -> None:
    attach = {"api.example.org": H, "Example.org.": OTHER}
    content = changes(AGGREGATE, attach)
    assert content == {
        "api.example.org": {"message_id": H, "type": "program", "programType": "program"},
        "example.org": {"message_id": OTHER, "type": "program", "programType": "program"},
    }
    assert changes({**AGGREGATE, **content}, attach) == {}
    assert changes(AGGREGATE, {}, ["example.org", "never.example.org"]) == {"example.org": None}
    assert changes({"example.org": None}, {}, ["example.org"]) == {}


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("API.Example.org.", "api.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("Straße.example", "xn--strae-oqa.example"),
        ("a-b.co.uk", "a-b.co.uk"),
    ],
)
def test_names(domain: str, name: str) -> None:
    assert host_name(domain) == name


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "localhost",
        "https://x.org",
        "x.org/path",
        "-a.org",
        "a..org",
        "x." * 130,
        "x" * 64 + ".org",
        "ü" * 60 + ".org",
        "a b.org",
    ],
)
def test_what_is_no_domain(domain: str) -> None:
    with pytest.raises(UsageError):
        host_name(domain)


@settings(max_examples=100)
@given(st.text(max_size=30))
def test_any_text_is_a_domain_or_refused(text: str) -> None:
    try:
        assert host_name(host_name(text)) == host_name(text)
    except UsageError as error:
        str(error).encode()


def test_records_to_set() -> None:
    record, proof = required_records("api.example.org", OWNER)
    assert (record.type, record.name, record.value) == ("CNAME", "api.example.org", TARGET)
    assert (proof.type, proof.name, proof.value) == ("TXT", "_control.api.example.org", OWNER)
    assert required_records("example.org", OWNER)[0].type == "ALIAS"


@pytest.mark.parametrize(
    ("records", "found", "instead"),
    [
        ({"CNAME__api_example_org": [TARGET]}, True, (TARGET,)),
        ({"CNAME__api_example_org": ["elsewhere.net"]}, False, ("elsewhere.net",)),
        (
            {"A__api_example_org": ["1.2.3.4"], f"A__{TARGET.replace('.', '_')}": ["1.2.3.4", "5.6.7.8"]},
            True,
            ("1.2.3.4",),
        ),
        ({"A__api_example_org": ["9.9.9.9"], f"A__{TARGET.replace('.', '_')}": ["1.2.3.4"]}, False, ("9.9.9.9",)),
        ({}, False, ()),
    ],
)
def test_the_route_is_found_in_each_form(records: dict[str, list[str]], found: bool, instead: tuple[str, ...]) -> None:
    route, proof = check_records(required_records("api.example.org", OWNER), zone(**records))
    assert (route.found, route.instead) == (found, instead)
    assert proof.found is False


def test_the_owner_is_proven_in_any_case_of_letters() -> None:
    lookup = zone(TXT___control_api_example_org=["unrelated", OWNER.lower()])
    assert check_records(required_records("api.example.org", OWNER), lookup)[1].found is True


def answer(*records: tuple[str, int, str], status: int = 0) -> Any:
    return as_json(
        {"Status": status, "Answer": [{"name": name, "type": kind, "data": data} for name, kind, data in records]}
    )


def test_dns_over_https(node: ScriptedNode) -> None:
    lookup = DnsOverHttps([f"{unused_url()}/dns-query", f"{node.url}/dns-query"])
    node.on("GET", "/dns-query", answer(("x.org", 5, "Target.NET."), ("target.net", 1, "1.2.3.4")))
    assert lookup("x.org", "A") == ("1.2.3.4",)
    assert lookup("x.org", "CNAME") == ("target.net",)
    assert parse_qs(urlsplit(node.asked[0].path).query) == {"name": ["x.org"], "type": ["A"]}
    node.on("GET", "/dns-query", answer(("x.org", 16, '"0xab" "cd"'), ("x.org", 16, "plain"), ("x.org", 16, '"a\\"b"')))
    assert lookup("x.org", "TXT") == ("0xabcd", 'a\\"b', "plain")
    node.on("GET", "/dns-query", as_json({"Status": 3}))
    assert lookup("x.org", "TXT") == ()


@pytest.mark.parametrize(
    "bad",
    [as_text("no", 500), as_text("<html>"), as_json([]), as_json({"Status": 2}), as_json({"Status": 0, "Answer": 7})],
)
def test_dns_that_fails_is_one_error(node: ScriptedNode, bad: Any) -> None:
    node.on("GET", "/dns-query", bad)
    with pytest.raises(NetworkError, match=r"DNS cannot be asked for x\.org"):
        DnsOverHttps([f"{node.url}/dns-query"])("x.org", "A")


@pytest.fixture(scope="module")
def resolver() -> Iterator[ScriptedNode]:
    scripted = ScriptedNode()
    yield scripted
    scripted.stop()


@settings(max_examples=60, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["Status", "Answer", "type", "data"]), inner, max_size=4)
        ),
    )
)
def test_dns_answers_of_any_shape(resolver: ScriptedNode, value: Any) -> None:
    resolver.on("GET", "/dns-query", as_text(json.dumps(value)))
    lookup = DnsOverHttps([f"{resolver.url}/dns-query"])
    try:
        assert all(isinstance(found, str) for found in lookup("x.org", "TXT"))
    except NetworkError as error:
        str(error).encode()
