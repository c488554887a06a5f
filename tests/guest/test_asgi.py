"""The raw ASGI probe through the adapter, beside the same probe under uvicorn."""

from __future__ import annotations

import json
import time

import pytest

from tests.guest.rig import Answer, Guest, Request, assert_same, fetch, server

SAME = [
    Request("/x"),
    Request("/x?a=1&b=two%20words"),
    Request("/x?a=b%26c%3Dd%3B&e="),
    Request("/x?q=%C3%A9%E2%82%AC&raw=%FF"),
    Request("/x?path=/a/b&colon=a:b&at=a@b&list=1,2"),
    Request("/x?"),
    Request("/p%20q/%C3%A9"),
    Request("/bytes/%FF"),
    Request("/percent/100%25"),
    Request("/x", "POST", (("content-type", "text/plain"), ("x-twice", "a")), b"a body"),
    Request("/x", "PUT", (), bytes(range(256))),
    Request("/x", "DELETE"),
    Request("/x", "OPTIONS"),
    Request("/x", "PATCH", (), b"x" * 90_000),
    Request("/twice"),
    Request("/chunks"),
    Request("/events"),
    Request("/empty"),
    Request("/not_modified"),
    Request("/head"),
    Request("/head", "HEAD"),
    Request("/raises"),
    Request("/silent"),
    Request("/wrong_order"),
    Request("/blocks"),
]


@pytest.fixture(scope="module")
def guest(probes):
    with Guest(probes, "raw_asgi:app") as running:
        yield running


@pytest.fixture(scope="module")
def uvicorn(probes):
    with server("uvicorn", "raw_asgi:app", probes) as port:
        yield port


@pytest.mark.parametrize("request_", SAME, ids=lambda one: f"{one.method} {one.target}")
def test_answers_equal_uvicorns(guest, uvicorn, request_):
    assert_same(guest.get(*request_), fetch(uvicorn, request_))


def test_every_key_that_uvicorn_gives_is_in_the_scope(run):
    files = {
        "main.py": (
            "async def app(scope, receive, send):\n"
            "    assert scope['type'] == 'http'\n"
            "    body = ','.join(sorted(scope)).encode()\n"
            "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
            "    await send({'type': 'http.response.body', 'body': body})\n"
        )
    }
    guest = run(files, "main:app")
    with server("uvicorn", "main:app", guest.packages.parent / "code") as port:
        theirs = set(fetch(port, Request("/")).body.split(b","))
    ours = set(guest.get("/").body.split(b","))
    assert theirs <= ours
    assert ours - theirs <= {b"extensions", b"state"}


def test_forwarded_headers_make_scheme_and_client(run):
    files = {
        "main.py": (
            "async def app(scope, receive, send):\n"
            "    assert scope['type'] == 'http'\n"
            "    body = repr([scope['scheme'], scope['client'], scope['server']]).encode()\n"
            "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
            "    await send({'type': 'http.response.body', 'body': body})\n"
        )
    }
    guest = run(files, "main:app")
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-for": "10.9.8.7, 203.0.113.5", "host": "a.aleph.sh"}
    assert guest.get("/", headers=forwarded).body == b"['https', ('203.0.113.5', 0), ('a.aleph.sh', 443)]"
    assert guest.get("/", headers={"host": "a:8080"}).body == b"['http', ('127.0.0.1', 0), ('a', 8080)]"


def test_a_body_that_the_host_decompressed_or_read_chunked_is_described_as_it_is(guest):
    said = json.loads(guest.get("/x", "POST", {"transfer-encoding": "chunked"}, b"12345").body)
    assert ["content-length", "5"] in said["headers"]
    assert not [one for one in said["headers"] if one[0] == "transfer-encoding"]
    said = json.loads(guest.get("/x", "POST", {"content-encoding": "gzip", "content-length": "3"}, b"12345").body)
    assert ["content-length", "5"] in said["headers"]
    assert not [one for one in said["headers"] if one[0] == "content-encoding"]
    said = json.loads(guest.get("/x", "POST", {"content-encoding": "br", "content-length": "5"}, b"12345").body)
    assert ["content-encoding", "br"] in said["headers"]


def test_accept_encoding_does_not_reach_the_app(guest):
    said = json.loads(guest.get("/x", headers={"accept-encoding": "gzip, br"}).body)
    assert [key for key, _ in said["headers"]] == ["host"]


def test_several_cookies_stay_and_latin_headers_become_readable_to_the_host(guest):
    answer = guest.get("/cookies")
    assert [value for key, value in answer.headers if key == b"set-cookie"] == [b"a=1", b"b=2"]
    assert answer.header("x-latin").encode("latin-1").decode() == "café"


@pytest.mark.parametrize("path", ["/compressed", "/deflated"])
def test_forced_compression_is_undone(guest, path):
    answer = guest.get(path)
    assert answer.body == b"plain " * 100
    assert answer.header("content-encoding") is None


def test_compression_that_cannot_be_undone_is_told(guest):
    answer = guest.get("/brotli")
    assert answer.status == 500
    assert b"'br'" in answer.body


def test_a_404_in_another_charset_becomes_utf_8_for_the_host(guest):
    assert guest.get("/missing").body.decode() == "café"


def test_a_404_that_is_no_text_becomes_text_for_the_host(guest):
    answer = guest.get("/missing_binary")
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert answer.body.decode() == "\ufffd\ufffd\0"


@pytest.mark.parametrize("path", ["/raises", "/raises_late", "/exits", "/interrupts"])
def test_what_an_app_raises_is_an_internal_error_and_nothing_more(guest, path):
    answer = guest.get(path)
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert guest.get("/x").status == 200


def test_background_work_does_not_delay_the_answer(guest):
    assert guest.get("/held").body == b"now"  # while its work waits for the next but one request
    assert "held work" not in guest.logged()
    assert guest.get("/release").body == b"released"
    guest.until(lambda: "held work" in guest.logged())


def test_requests_run_at_the_same_time(guest):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(20) as pool:  # each waits for all the others
        answers: list[Answer] = list(pool.map(guest.get, ["/meets"] * 20))
    assert {(one.status, one.body) for one in answers} == {(200, b"met")}


def test_what_never_ends_is_cut_below_the_hosts_limit(guest):
    from concurrent.futures import ThreadPoolExecutor

    def timed(path):
        begun = time.perf_counter()
        return guest.get(path), time.perf_counter() - begun

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(timed, ["/endless_events", "/never", "/endless_flood"]))
    # Not before the adapter's limit; nothing but that limit ends them. How late is the machine's affair.
    assert all(seconds > 4.4 for _, seconds in results)
    (events, _), (never, _), (flood, _) = results
    assert events.status == 200
    assert events.body.startswith(b"data: x\n\ndata: x\n\n")
    assert (never.status, flood.status) == (504, 504)
    assert b"4.5 seconds" in never.body
    guest.until(lambda: {"gone", "http.disconnect"} <= set(guest.logged()))
    guest.until(lambda: guest.ask(b"!tasks")[0] <= 4)


def test_an_answer_beyond_the_memory_bound_is_refused(run):
    files = {
        "main.py": (
            "import aleph_entry.request_cycle\n"
            "aleph_entry.request_cycle.ANSWER_LIMIT = 100_000\n"
            "async def app(scope, receive, send):\n"
            "    assert scope['type'] == 'http'\n"
            "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
            "    for _ in range(100):\n"
            "        await send({'type': 'http.response.body', 'body': b'x' * 10_000, 'more_body': True})\n"
        )
    }
    answer = run(files, "main:app").get("/")
    assert answer.status == 500
    assert b"100000 bytes" in answer.body


@pytest.mark.parametrize("old", [False, True])
def test_prints_reach_the_log_under_either_init(probes, old):
    from concurrent.futures import ThreadPoolExecutor

    with Guest(probes, "raw_asgi:app", old=old) as guest:
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(guest.get, [f"/prints?number-{number}" for number in range(5)]))
        guest.halt()
    assert all(f"printed again number-{number}" in guest.log for number in range(5))
    assert "lifespan: lifespan.shutdown" in guest.log


def test_asgi_2_apps_work(probes, run):
    with Guest(probes, "raw_asgi:Two") as guest:
        said = json.loads(guest.get("/x?a=1").body)
    assert (said["query_string"], said["state"]) == ("a=1", 1)
