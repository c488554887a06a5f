"""A proxy between tool and node that spoils one request: kills the tool, or loses, delays, doubles, breaks it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.deploy.crash.zygote import READ_SECONDS

if TYPE_CHECKING:
    from tests.deploy.rig import NodeHost

FAULTS = (
    "kill before",
    "kill half way",
    "kill after",
    "drop request",
    "drop answer",
    "delay answer",
    "double request",
    "break answer",
    "fail with 502",
    "cut answer",
)


@dataclass
class Spoiling:
    """Which request is spoilt, and how."""

    at: int
    fault: str


class Proxy:
    """Forwards to a node, and ``/vm/...`` to a host; counts requests, and bytes sent up, since the last :meth:`arm`."""

    def __init__(self, node: str, host: NodeHost) -> None:
        self.pid = 0
        self.requests: list[str] = []
        self.sent_up = 0
        self.spoiling: Spoiling | None = None
        self.host = host
        self.lock = threading.Lock()
        split = urlsplit(node)
        self.upstream = (split.hostname or "", split.port or 0)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def arm(self, spoiling: Spoiling | None) -> None:
        with self.lock:
            self.requests, self.spoiling, self.sent_up = [], spoiling, 0

    def take(self, what: str) -> str | None:
        """Count a request; return the fault that is meant for it."""
        with self.lock:
            number = len(self.requests)
            self.requests.append(what)
            return self.spoiling.fault if self.spoiling and self.spoiling.at == number else None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - a class that knows its proxy
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body leave apart: waiting for acknowledgements costs 40 ms each

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                # The tool was killed, or its connection is gone: nobody to answer.
                self.close_connection = True

        def do_GET(self) -> None:
            self._serve()

        do_POST = do_HEAD = do_GET  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            pass

        def _serve(self) -> None:
            body = self._body()
            proxy.sent_up += len(body)
            fault = proxy.take(f"{self.command} {self.path.split('?')[0]}")
            if fault == "kill before":
                proxy.kill()
                return self._hang_up()
            if fault == "kill half way":
                self._send_half(body)
                proxy.kill()
                return self._hang_up()
            if fault == "drop request":
                return self._hang_up()
            if fault == "fail with 502":
                return self._answer(502, [("Content-Type", "text/html")], b"<html>Bad gateway</html>")
            if fault == "double request":
                self._forward(body)
            answer = self._forward(body)
            if fault == "kill after":
                proxy.kill()
                return self._hang_up()
            if fault == "drop answer":
                return self._hang_up()
            if fault == "delay answer":
                time.sleep(READ_SECONDS * 1.2)
            if fault == "break answer":
                answer = (answer[0], [("Content-Type", "application/json")], b'{"messages": [{"item_ha')
            return self._answer(*answer, cut=fault == "cut answer")

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _headers(self, body: bytes) -> dict[str, str]:
            dropped = ("transfer-encoding", "content-length", "connection", "host")
            kept = {key: value for key, value in self.headers.items() if key.lower() not in dropped}
            return {**kept, "Content-Length": str(len(body))}

        def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            name = str(self.headers.get("Host"))
            if self.path.startswith("/vm/") or ".localhost" in name:
                base = f"http://{name}" if ".localhost" in name else proxy.host.node.url
                answer = proxy.host(base + self.path, timeout=10)
                return answer.status, list(answer.headers.items()), answer.text.encode()
            connection = http.client.HTTPConnection(*proxy.upstream, timeout=30)
            try:
                connection.request(self.command, self.path, body, self._headers(body))
                response = connection.getresponse()
                return response.status, response.getheaders(), response.read()
            finally:
                connection.close()

        def _send_half(self, body: bytes) -> None:
            with socket.create_connection(proxy.upstream) as upstream:
                lines = [f"{self.command} {self.path} HTTP/1.1", "Host: node"]
                lines += [f"{key}: {value}" for key, value in self._headers(body).items()]
                upstream.sendall("\r\n".join([*lines, "", ""]).encode() + body[: len(body) // 2])

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, cut: bool = False) -> None:
            dropped = ("transfer-encoding", "content-length", "connection", "server", "date")
            date = [(key, value) for key, value in headers if key.lower() == "date"]
            self.send_response_only(status)
            for key, value in [*date, *((key, value) for key, value in headers if key.lower() not in dropped)]:
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[: len(body) // 2] if cut else body)
            if cut:
                self._hang_up()

        def _hang_up(self) -> None:
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    return Handler
