"""Two thousand requests of every kind at once, and what is left of them afterwards."""

from __future__ import annotations

import random
import sys
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


def at_rest(guest: Guest) -> tuple[int, int]:
    """Return how many tasks and threads there are once nothing ends any more."""
    seen: list[tuple[int, int]] = []
    guest.until(lambda: seen.append(guest.ask(b"!tasks")) or (len(seen) > 10 and len({*map(tuple, seen[-10:])}) == 1))
    return seen[-1]


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
        tasks, threads = at_rest(guest)
        files = open_files(guest.process.pid)
        with ThreadPoolExecutor(16) as pool:
            statuses = {one.status for one in pool.map(guest.get, paths)}
        assert statuses == {200, 404, 500}
        guest.until(lambda: guest.ask(b"!tasks")[0] <= tasks)
        guest.until(lambda: guest.ask(b"!tasks")[1] <= max(threads, 34))
        # A connection or two may still be closing; a leak would be of hundreds.
        guest.until(lambda: open_files(guest.process.pid) <= files + 8)


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
        guest.until(lambda: guest.ask(b"!tasks")[0] <= before)
        assert guest.get("/x").status == 200
