"""The raw WSGI probe through the adapter, beside the same probe under gunicorn."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.guest.rig import Guest, Request, assert_same, fetch, server

SAME = [
    Request("/valid"),
    Request("/valid?a=b", "POST", (("content-type", "text/plain"),), b"body"),
    Request("/generator"),
    Request("/writes"),
    Request("/wrapped_file"),
    Request("/closing"),
    Request("/waits"),
    Request("/missing"),
    Request("/empty"),
    Request("/generator", "HEAD"),
]
ENVIRONS = [
    Request("/x?a=1&b=two%20words"),
    Request("/p%20q/%C3%A9%FF?raw=%FF&kept=%26"),
    Request("/x", "POST", (("content-type", "text/plain; charset=utf-8"), ("x-a", "1"), ("bad_name", "2")), b"body"),
    Request("/x", "PUT", (), bytes(range(256))),
]
# The connection's, not the request's
OWN = {"SERVER_SOFTWARE", "SERVER_NAME", "SERVER_PORT", "REMOTE_PORT"}


@pytest.fixture(scope="module")
def guest(probes):
    with Guest(probes, "raw_wsgi:app") as running:
        yield running


@pytest.fixture(scope="module")
def gunicorn(probes):
    with server("gunicorn", "raw_wsgi:app", probes) as port:
        yield port


@pytest.mark.parametrize("request_", SAME, ids=lambda one: f"{one.method} {one.target}")
def test_answers_equal_gunicorns(guest, gunicorn, request_):
    assert_same(guest.get(*request_), fetch(gunicorn, request_))


@pytest.mark.parametrize("request_", ENVIRONS, ids=lambda one: f"{one.method} {one.target}")
def test_the_environ_equals_gunicorns(guest, gunicorn, request_):
    ours = json.loads(guest.get(*request_).body)
    theirs = json.loads(fetch(gunicorn, request_).body)
    for said in (ours, theirs):
        said["environ"] = {key: value for key, value in said["environ"].items() if key not in OWN}
    assert ours == theirs


def test_an_error_replaces_the_head_that_was_not_sent(guest):
    answer = guest.get("/replaces")  # gunicorn sends the headers of both
    assert (answer.status, answer.body) == (503, b"replaced")
    assert [key for key, _ in answer.headers] == [b"content-type", b"content-length"]


def test_wsgiref_validate_finds_nothing(guest):
    answer = guest.get("/valid", "POST", {"content-type": "text/plain"}, b"body")
    assert answer.body == b"valid body"
    assert "to the log" in guest.log


@pytest.mark.parametrize(
    "path",
    [
        "/raises",
        "/raises_late",
        "/no_start",
        "/starts_twice",
        "/replaces_late",
        "/gives_text",
        "/stops",
        "/exits",
    ],
)
def test_what_an_app_raises_is_an_internal_error_and_nothing_more(guest, path):
    answer = guest.get(path)
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert guest.get("/valid").status == 200


def test_work_at_close_does_not_delay_the_answer(guest):
    assert guest.get("/held").body == b"ok"  # while its close() waits for the next but one request
    assert "held work" not in guest.logged()
    assert guest.get("/release").body == b"released"
    guest.until(lambda: "held work" in guest.logged())


def test_requests_wait_side_by_side_in_threads(guest):
    with ThreadPoolExecutor(16) as pool:  # each waits for all the others
        assert {one.body for one in pool.map(guest.get, ["/meets"] * 16)} == {b"met"}


def test_an_endless_iterable_is_cut_and_closed(guest):
    answer = guest.get("/endless")
    assert answer.status == 504
    guest.until(lambda: "endless closed" in guest.logged())


def test_a_missing_item_keeps_its_body_for_the_host(guest):
    assert guest.get("/missing").body == b"nothing here"


def test_space_around_header_values_goes_as_over_http(run):
    files = {"main.py": "def app(environ, start):\n    start('200 OK', [('X-A', ' a ')])\n    return [b'ok']\n"}
    assert run(files, "main:app").get("/").header("x-a") == "a"


def test_halt_is_quick(probes):
    with Guest(probes, "raw_wsgi:app") as guest:
        guest.get("/valid")
        assert guest.halt() < 2
