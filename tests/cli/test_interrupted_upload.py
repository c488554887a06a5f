"""Ctrl-C in the middle of an upload, at a terminal, with a node that is slow to read."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
import threading
from urllib.parse import urlsplit

import pytest

from tests.cli.terminal import Terminal
from tests.programs.rig import ask

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
_STALL = 1 << 20  # bytes of a request after which the node reads no more
MAIN = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"large"})
"""


@contextlib.contextmanager
def slow(url):
    """Give the URL of a way to a node that takes no more than a mebibyte of each request."""
    there = urlsplit(url)
    connections = []

    def carry(source, target, most=None):
        taken = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                taken += len(data)
                if most is not None and taken > most:
                    return  # the rest stays with who sends it
            target.shutdown(socket.SHUT_WR)

    def serve(server):
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
                node = socket.create_connection((there.hostname, there.port))
                connections.extend((client, node))
                for way in ((client, node, _STALL), (node, client)):
                    threading.Thread(target=carry, args=way, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    for each in connections:
        each.close()


def test_the_line_ends_first_and_it_says_what_is_sent_again(cli, make_project):
    root = make_project({"main.py": MAIN})
    with (root / "pyproject.toml").open("a") as stream:
        stream.write('\n[tool.hatch.build.targets.aleph]\ninclude = ["/large.bin"]\n')
    (root / "large.bin").write_bytes(os.urandom(8_000_000))
    command = [sys.executable, "-m", "hatch_aleph", "deploy", "--project", str(root), "--yes", "--no-smoke"]
    command += ["--no-secret-scan"]
    with (
        slow(cli.network.url) as node,
        Terminal([*command, "--node", node], cli.folder, dict(os.environ), term="xterm") as terminal,
    ):
        terminal.until("Uploading")
        terminal.until(" MiB/s")
        assert terminal.interrupt() == 130, terminal.shown
    # What moved is gone before the first word of the end is written.
    end = terminal.shown.rpartition("Uploading")[2].replace("\r\n", "\n")
    assert re.search(r"\r\x1b\[KWhat was sent is kept in the journal", end), end
    shown = re.sub(r"\x1b\[[0-9;]*[mK]", "", end)
    words = " ".join(shown.split())  # a terminal gets them folded
    assert re.search(r"-code.squashfs had gone up to \d+% of 7.\d MiB: the next run sends all of it again\. ", words)
    assert shown.strip().endswith("Interrupted.")
    assert cli.sent == []

    done = cli.json("deploy", "--project", root, "--yes", "--no-smoke", "--no-secret-scan").result
    assert ask(done["urls"][0]) == (200, "large")
    assert cli.sent == ["STORE", "PROGRAM"]
