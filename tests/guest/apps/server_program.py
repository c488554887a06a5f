"""A program that listens on $PORT and misbehaves on demand."""

import gzip
import http.server
import json
import os
import signal
import sys
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        path = self.path.partition("?")[0]
        getattr(self, "on_" + path[1:], self.describe)(body)

    do_POST = do_PUT = do_HEAD = do_GET

    def reply(self, body, status=200, **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def describe(self, body):
        said = {
            "line": self.requestline,
            "headers": sorted(map(list, self.headers.items())),
            "body": len(body),
            "env": {k: os.environ.get(k) for k in ("PORT", "PATH", "PYTHONPATH")},
            "cwd": os.getcwd(),
            "pid": os.getpid(),
            "argv": sys.argv[1:],
        }
        self.reply(json.dumps(said).encode(), X_Twice="a")

    def on_chunked(self, body):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(30):
            part = b"%d," % number * 1000
            self.wfile.write(b"%x;ext=1\r\n%s\r\n" % (len(part), part))
            time.sleep(0.005)
        self.wfile.write(b"0\r\nTrailer: x\r\n\r\n")

    def on_until_close(self, body):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"till the end")
        self.close_connection = True

    def on_hints(self, body):
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        self.reply(b"after hints")

    def on_redirect(self, body):
        self.reply(b"", 302, Location="/elsewhere")

    def on_gzip(self, body):
        self.reply(gzip.compress(b"plain"), Content_Encoding="gzip")

    def on_empty(self, body):
        self.send_response(204)
        self.end_headers()

    def on_missing(self, body):
        self.reply(b"nothing here", 404)

    def on_endless(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"data: x\n\n")
                time.sleep(0.05)
        except OSError:
            print("CLIENT GONE", flush=True)

    def on_slow(self, body):
        time.sleep(0.3)
        self.reply(b"slow")

    def on_meets(self, body):
        TOGETHER.wait(20)
        self.reply(b"met")

    def on_crash(self, body):
        print("CRASHING", body, flush=True)
        os._exit(7)

    def on_half(self, body):
        self.reply(b"half", Content_Length="100")
        self.close_connection = True

    def on_garbage(self, body):
        self.wfile.write(b"this is not HTTP\r\n\r\n")
        self.close_connection = True

    def on_long_head(self, body):
        self.reply(b"", X_Long="x" * 300_000)

    def on_no_colon(self, body):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n")
        self.close_connection = True

    def on_odd_length(self, body):
        self.reply(b"odd", Content_Length="three")

    def on_odd_chunk(self, body):
        self.chunk(b"three\r\nodd\r\n0\r\n\r\n")

    def on_long_chunk(self, body):
        self.chunk(b"1" * 300_000 + b"\r\n")

    def on_half_chunked(self, body):
        self.chunk(b"4\r\nhalf\r\n")

    def chunk(self, raw):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(raw)
        self.close_connection = True

    def on_count(self, body):
        self.reply(b"%d" % threading.active_count())

    def log_message(self, *args):
        print("SERVED", self.requestline, flush=True)


TOGETHER = threading.Barrier(20)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def bye(*_):
    print("TERMINATED", flush=True)
    os._exit(0)


signal.signal(signal.SIGTERM, bye)
time.sleep(float(os.environ.get("DELAY", 0)))
Server((os.environ.get("BIND", "127.0.0.1"), int(os.environ["PORT"])), Handler).serve_forever()
