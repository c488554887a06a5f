"""A node on a free port of 127.0.0.1 that answers what a test tells it, malformed HTTP included."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

RECORDED: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "recorded.json").read_text("utf-8"))


@dataclass
class Answer:
    """One answer; ``raw`` replaces the whole of it, byte for byte."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


def as_text(text: str, status: int = 200) -> Answer:
    return Answer(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8"})


def recorded(name: str) -> Answer:
    """What a real node answered."""
    answer = RECORDED[name]
    if "json" in answer:
        return as_json(answer["json"], answer["status"])
    return as_text(answer["text"], answer["status"])


@dataclass
class Asked:
    method: str
    path: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up on malformed answers."""


class ScriptedNode:
    """Answers each path, or a part of its query (NAME=VALUE), with the next of its answers; the last one stays."""

    def __init__(self, port: int = 0) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[tuple[str, str], list[Answer]] = {}
        self._server = _QuietServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self._answers[method, path] = list(answers)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, method: str, path: str) -> Answer:
        answers = self._answers.get((method, path)) or self._answers.get((method, path.split("?", maxsplit=1)[0]))
        named = (given for (_, part), given in self._answers.items() if "=" in part and part in path)
        answers = next(named, None) or answers or self._answers.get((method, "*"))
        if not answers:
            return as_text("404: Not Found", 404)
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _handler(node) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                node.asked.append(Asked(self.command, self.path, body))
                answer = node.take(self.command, self.path)
                if answer.raw is not None:
                    self.wfile.write(answer.raw)
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for key, value in answer.headers.items():
                    self.send_header(key, value)
                if "Content-Length" not in answer.headers:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

            do_GET = do_POST = do_HEAD = answer  # noqa: N815 - names of the standard library

            def log_message(self, *arguments: Any) -> None:
                pass

        return Handler


def unused_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
