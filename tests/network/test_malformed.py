"""Whatever a node answers, a caller meets a result or one of our two errors, never another exception."""

from __future__ import annotations

import copy
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hatch_aleph.errors import NetworkError, RejectedError
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.messages import sign_message, store_content
from tests.network.scripted import RECORDED, Answer, ScriptedNode, as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hatch_aleph.network.accounts import Account

H = "ab" * 32
PROCESSED = RECORDED["store processed"]["json"]["item_hash"]

READS: dict[str, tuple[str, Callable[[NodeClient], Any]]] = {
    "status": ("store processed", lambda client: client.status(PROCESSED)),
    "message": ("store processed", lambda client: client.message(PROCESSED)),
    "pending": ("pending program", lambda client: client.message(RECORDED["pending program"]["json"]["item_hash"])),
    "wait": ("rejected 6", lambda client: client.wait(RECORDED["rejected 6"]["json"]["item_hash"], deadline=0)),
    "forgotten": ("forgotten", lambda client: client.wait(RECORDED["forgotten"]["json"]["item_hash"], deadline=0)),
    "messages": ("list", lambda client: list(client.messages(statuses=["processed", "removing"]))),
    "balance": ("balance", lambda client: client.balance("0x1")),
    "estimate": ("program estimate", lambda client: client.estimate({"address": "0x1"})),
    "limits": ("limits", lambda client: client.limits()),
    "aggregate": ("domains", lambda client: client.aggregate("0x1", ["domains"])),
    "runtimes": ("domains", lambda client: client.runtimes()),
    "has file": ("no file", lambda client: client.has_file(H)),
    "clock": ("limits", lambda client: client.clock_offset()),
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("1e999999999"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def answering() -> Iterator[Callable[[Answer], NodeClient]]:
    """Give a client of a node that answers everything with the same, over a real connection."""
    node = ScriptedNode()

    def client(answer: Answer) -> NodeClient:
        for method in ("GET", "POST", "HEAD"):
            node.on(method, "*", answer)
        return NodeClient([node.url], sleep=lambda _seconds: None)

    yield client
    node.stop()


def as_answer(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), {"Content-Type": "application/json"})


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path into a JSON value."""
    found = [path]
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in steps:
        found += places(inner, (*path, key))
    return found


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return changed


@pytest.mark.timeout(20)
@pytest.mark.parametrize("number", ["1e999999999", "-1e999999999", "0e999999999", "1e-999999999"])
@pytest.mark.parametrize("name", ["limits", "balance", "estimate"])
def test_a_number_of_a_billion_digits_is_none(
    answering: Callable[[Answer], NodeClient], name: str, number: str
) -> None:
    recorded_name, call = READS[name]
    real = RECORDED[recorded_name]["json"]
    for path in places(real):
        with answering(as_answer(200, json.dumps(replaced(real, path, number)))) as client:
            try:
                str(call(client))
            except (NetworkError, RejectedError) as error:
                str(error).encode()


@pytest.mark.parametrize("name", READS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_one_value_of_a_real_answer_replaced(
    answering: Callable[[Answer], NodeClient], name: str, data: st.DataObject
) -> None:
    recorded_name, call = READS[name]
    real = RECORDED[recorded_name].get("json", {})
    path = data.draw(st.sampled_from(places(real)))
    body = json.dumps(replaced(real, path, data.draw(anything)))
    status = data.draw(st.sampled_from([200, 200, 200, 201, 204, 400, 404, 410, 422, 418]))
    with answering(as_answer(status, body)) as client:
        try:
            call(client)
        except (NetworkError, RejectedError) as error:
            str(error).encode()


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(list(READS)),
    status=st.integers(min_value=200, max_value=599),
    body=st.binary(max_size=60),
    kind=st.sampled_from(
        ["application/json", "text/html", "text/plain; charset=nonsense", "application/json; charset=utf-16"]
    ),
    extra=st.sampled_from(
        [
            {},
            {"Location": "http://elsewhere"},
            {"Location": "://"},
            {"Date": "yesterday"},
            {"Date": "Mon, 99 Jan 2020 99:99:99 GMT"},
            {"Date": "Tue, 24 Nov 2026 22:16:13 GMT", "Age": "x"},
            {"Retry-After": "soon"},
            {"Retry-After": "999999"},
            {"Content-Encoding": "gzip"},
        ]
    ),
)
def test_any_bytes(
    answering: Callable[[Answer], NodeClient], name: str, status: int, body: bytes, kind: str, extra: dict[str, str]
) -> None:
    with answering(Answer(status, body, {"Content-Type": kind, **extra})) as client:
        try:
            READS[name][1](client)
        except (NetworkError, RejectedError) as error:
            str(error).encode()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "breaks off"),
        (b"garbage\r\n\r\n", "breaks off"),
        (b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"status"', "breaks off"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "breaks off",
        ),
        (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
            "without JSON",
        ),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnull", "expected an object"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnull", "breaks off"),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: https://other.example/x\r\nContent-Length: 0\r\n\r\n",
            "redirects to https://other.example",
        ),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[bad\r\nContent-Length: 0\r\n\r\n", "redirects|breaks off"),
        (b"HTTP/1.1 500 Oops\r\nConnection: close\r\nContent-Length: 9\r\n\r\nTraceback", "HTTP 500 Traceback"),
        (
            b"HTTP/1.1 403 No\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<h1>no</h1>"[
                :-2
            ],
            "HTTP 403",
        ),
    ],
)
def test_broken_http(client: NodeClient, node: ScriptedNode, raw: bytes, words: str) -> None:
    node.on("GET", f"/api/v0/messages/{H}/status", Answer(raw=raw))
    with pytest.raises(NetworkError, match=words) as caught:
        client.status(H)
    assert node.url in str(caught.value)


def test_nested_and_huge_answers(client: NodeClient, node: ScriptedNode) -> None:
    headers = {"Content-Type": "application/json"}
    path = f"/api/v0/messages/{H}/status"
    node.on("GET", path, Answer(200, b"[" * 200_000, headers))
    with pytest.raises(NetworkError, match="without JSON"):
        client.status(H)
    bomb = gzip.compress(bytes(80 << 20), 9)
    node.on("GET", path, Answer(200, bomb, {**headers, "Content-Encoding": "gzip"}))
    with pytest.raises(NetworkError, match="more than 64 MiB"):
        client.status(H)


def test_a_message_whose_content_is_not_what_was_signed(client: NodeClient, node: ScriptedNode) -> None:
    answer = copy.deepcopy(RECORDED["store processed"]["json"])
    answer["message"]["item_content"] = answer["message"]["item_content"].replace("credit", "hold")
    node.on("GET", f"/api/v0/messages/{PROCESSED}", Answer(200, json.dumps(answer).encode()))
    with pytest.raises(NetworkError, match="another hash"):
        client.message(PROCESSED)


def test_terminal_sequences_of_a_node_are_not_passed_on(client: NodeClient, node: ScriptedNode) -> None:
    node.on("GET", f"/api/v0/messages/{H}/status", as_text("\x1b]0;owned\x07\x1b[31mred\u202e", 500))
    with pytest.raises(NetworkError) as caught:
        client.status(H)
    assert not set("\x1b\x07\u202e") & set(str(caught.value))


@pytest.mark.parametrize(
    "answer", [Answer(200, b"<html>", {"Content-Type": "text/html"}), Answer(418, b"tea"), Answer(raw=b"")]
)
def test_publish_and_upload_to_what_is_no_node(
    client: NodeClient, node: ScriptedNode, account: Account, tmp_path: Path, answer: Answer
) -> None:
    node.on("POST", "*", answer)
    content = store_content(account.address, H, "storage", time=1.0, payment=None)
    message = sign_message(account, "STORE", content, channel="T", time=1.0)
    file = tmp_path / "file"
    file.write_bytes(b"x")
    with pytest.raises(NetworkError):
        client.publish(message)
    with pytest.raises(NetworkError):
        client.upload(message, file)
