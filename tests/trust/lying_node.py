"""A node of our own that lies: it passes everything to an honest one, and one answer after another through a lie."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message

HOP_HEADERS = {"transfer-encoding", "connection", "content-length", "content-encoding"}


@dataclass(frozen=True)
class Asked:
    """A request.

    Attributes:
        method: HTTP method.
        path: Without the query.
        query: Its parameters.
    """

    method: str
    path: str
    query: dict[str, str]

    @property
    def is_list(self) -> bool:
        return self.path == "/api/v0/messages.json"

    def without(self, *names: str) -> Asked:
        return replace(self, query={name: value for name, value in self.query.items() if name not in names})


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def saying(self, value: Any) -> Told:
        headers = {**self.headers, "Content-Type": "application/json"}
        return Told(200, json.dumps(value).encode(), headers)


class Lie:
    """What a node makes of a request and of the answer to it; honest as it stands."""

    def ask(self, asked: Asked) -> Asked:
        return asked

    def tell(self, asked: Asked, told: Told) -> Told:
        return told


class Messages(Lie):
    """Changes each message that is shown, in lists and alone."""

    def __init__(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._change = change

    def tell(self, asked: Asked, told: Told) -> Told:
        if asked.is_list and told.status == 200:
            answer = told.json
            return told.saying({**answer, "messages": [self._change(dict(each)) for each in answer["messages"]]})
        if asked.path.startswith("/api/v0/messages/") and asked.method == "GET" and told.status == 200:
            answer = told.json
            if isinstance(answer.get("message"), dict):
                return told.saying({**answer, "message": self._change(dict(answer["message"]))})
        return told


class Added(Lie):
    """Adds messages to the lists of their type, as processed ones."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages = messages

    def tell(self, asked: Asked, told: Told) -> Told:
        if not asked.is_list or told.status != 200 or int(asked.query.get("page", 1)) > 1:
            return told
        if "processed" not in asked.query.get("msgStatuses", "processed"):
            return told
        types = asked.query.get("msgTypes", "").split(",")
        fitting = [message for message in self._messages if message["type"] in types and _passes(message, asked.query)]
        answer = told.json
        return told.saying({**answer, "messages": [*fitting, *answer["messages"]]})


def _passes(message: dict[str, Any], query: dict[str, str]) -> bool:
    content = message["content"]
    if "refs" in query and content.get("ref") not in query["refs"].split(","):
        return False
    if "hashes" in query and message["item_hash"] not in query["hashes"].split(","):
        return False
    return "tags" not in query or query["tags"] in json.dumps(content)


class Ignores(Lie):
    """Ignores filters."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def ask(self, asked: Asked) -> Asked:
        return asked.without(*self._names) if asked.is_list else asked


class Answers(Lie):
    """Answers one path with something of its own."""

    def __init__(self, path: str, status: int = 200, body: bytes | Any = b"", **headers: str) -> None:
        self._path = path
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {} if isinstance(body, bytes) else {"Content-Type": "application/json"}
        self._told = Told(status, raw, {**kind, **headers})

    def tell(self, asked: Asked, told: Told) -> Told:
        return self._told if asked.path.startswith(self._path) else told


class LastRelease(Lie):
    """As pyaleph 0.10.2: ``storage/limits.json`` is taken for a hash, V-PROGRAM for no type of messages."""

    def tell(self, asked: Asked, told: Told) -> Told:
        if asked.path == "/api/v0/storage/limits.json":
            return Told(400, b"400: Invalid hash provided", {"Content-Type": "text/plain; charset=utf-8"})
        if asked.is_list and "V-PROGRAM" in asked.query.get("msgTypes", ""):
            return Told(422, b'[{"type":"enum","loc":["msgTypes",0]}]', {"Content-Type": "text/plain; charset=utf-8"})
        return told


class NoPrices(Lie):
    """As heph: estimates want a signature; or there is no such path at all."""

    def __init__(self, status: int) -> None:
        self._status = status

    def tell(self, asked: Asked, told: Told) -> Told:
        if asked.path.startswith("/api/v0/price"):
            return Told(self._status, b"no", {"Content-Type": "text/plain"})
        return told


class LyingNode:
    """Serves on a free port of this machine.

    Args:
        honest: URL of the node that it passes on to.
    """

    def __init__(self, honest: str) -> None:
        self.lie = Lie()
        self.asked: list[Asked] = []
        self._honest = honest
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Told:
        parts = urlsplit(target)
        asked = Asked(method, parts.path, dict(parse_qsl(parts.query)))
        self.asked.append(asked)
        passed = self.lie.ask(asked)
        url = f"{self._honest}{passed.path}" + (f"?{urlencode(passed.query)}" if passed.query else "")
        request = urllib.request.Request(url, data=body or None, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                told = Told(response.status, response.read(), _end_to_end(response.headers))
        except urllib.error.HTTPError as error:
            with error:
                told = Told(error.code, error.read(), _end_to_end(error.headers))
        return self.lie.tell(asked, told)


def _end_to_end(headers: Message) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key.lower() not in HOP_HEADERS}


def _handler(node: LyingNode) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = b"".join(iter(self._chunk, b""))
            kept = {key: value for key, value in self.headers.items() if key.lower() in ("content-type", "accept")}
            told = node.answer(self.command, self.path, body, kept)
            self.send_response_only(told.status)
            for key, value in told.headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(told.body)

        do_GET = do_POST = do_HEAD = answer  # noqa: N815 - names of the standard library

        def _chunk(self) -> bytes:
            size = int(self.rfile.readline(), 16)
            data = self.rfile.read(size)
            self.rfile.readline()
            return data

        def log_message(self, *arguments: Any) -> None:
            pass

    return Handler
