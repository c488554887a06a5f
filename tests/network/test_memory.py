"""A large image goes up and comes back with little memory, measured in a process of its own."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.memory import PEAK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1024**2
PIECE = bytes(MIB)

CLIENT = f"""{PEAK}
import json, sys
from pathlib import Path
from hatch_aleph.artifact import hash_file
from hatch_aleph.network.accounts import load_account
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.messages import SignedMessage, sign_message, store_content
url, file, back = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
account = load_account(private_key="11" * 32, environ={{}})
hashes = hash_file(file)
content = store_content(account.address, hashes.sha256, "storage", time=1.0, payment=None)
message = sign_message(account, "STORE", content, channel="T", time=1.0)
before = peak()
with NodeClient([url]) as client:
    client.upload(message, file)
    client.download(hashes.sha256, back)
print(json.dumps([before // {MIB}, peak() // {MIB}]))
"""


@pytest.fixture
def sink(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that counts what comes and gives as many zeros back."""
    size: int = request.param

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            left = int(self.headers["Content-Length"])
            while left:
                piece = self.rfile.read(min(left, MIB))
                left -= len(piece)
            digest = hashlib.sha256()
            for _ in range(size // MIB):
                digest.update(PIECE)
            body = json.dumps({"status": "success", "hash": digest.hexdigest()}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            for _ in range(size // MIB):
                self.wfile.write(PIECE)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("sink", [256 * MIB, pytest.param(900 * MIB, marks=pytest.mark.slow)], indirect=True)
def test_memory_is_bounded(sink: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    size = request.node.callspec.params["sink"]
    file, back = tmp_path / "image", tmp_path / "back"
    with file.open("wb") as stream:
        stream.truncate(size)
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, sink, str(file), str(back)], capture_output=True, text=True, check=True
    )
    before, peak = json.loads(done.stdout)
    assert back.stat().st_size == size
    assert peak - before < 20
    assert peak <= 120
