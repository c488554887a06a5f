"""Two thousand requests of every kind at once, and what is left of them afterwards."""

from __future__ import annotations

import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.guest.rig import APPS, Guest, lay_out

BOTH = ["/x?a=1", "/raises", "/raises_late", "/exits", "/missing"]
PATHS = {
    "raw_asgi:app": [*BOTH, "/chunks", "/events", "/silent", "/twice", "/late"],
    "raw_wsgi:app": [*BOTH, "/generator", "/writes", "/wrapped_file"],
}


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="counts the open files of a process in /proc")
@pytest.mark.parametrize("name", PATHS)
def test_nothing_leaks(tmp_path, name):
    module = name.partition(":")[0]
    code = lay_out(tmp_path / "code", {f"{module}.py": (APPS / f"{module}.py").read_text()})
    choose = random.Random(7)  # noqa: S311 - no secret
    paths = [choose.choice(PATHS[name]) for _ in range(2000)]
    with Guest(code, name) as guest:
        for path in PATHS[name]:
            guest.get(path)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(guest.get, paths[:200]))
        time.sleep(0.5)
        tasks, threads = guest.ask(b"!tasks")
        files = open_files(guest.process.pid)
        with ThreadPoolExecutor(16) as pool:
            statuses = {one.status for one in pool.map(guest.get, paths)}
        time.sleep(0.5)
        assert statuses == {200, 404, 500}
        after_tasks, after_threads = guest.ask(b"!tasks")
        assert after_tasks <= tasks
        assert after_threads <= max(threads, 34)
        # A connection or two may still be closing; a leak would be of hundreds.
        assert open_files(guest.process.pid) <= files + 8


def test_a_client_that_goes_away_leaves_nothing_behind(probes):
    """The host closes its end when its client or its patience ends; the request runs to its end all the same."""
    import socket

    import msgpack

    scope = {"type": "http", "path": "/late", "method": "GET", "query_string": "", "headers": [], "body": b""}
    with Guest(probes, "raw_asgi:app") as guest:
        before, _ = guest.ask(b"!tasks")
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", guest.port), 5) as connection:
                connection.sendall(msgpack.dumps({"scope": scope}))
        time.sleep(0.8)
        assert guest.ask(b"!tasks")[0] <= before
        assert guest.get("/x").status == 200
