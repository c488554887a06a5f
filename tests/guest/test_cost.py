"""What the adapter costs at a cold start. ``benchmarks/adapter.py`` measures the rest, against the bare app."""

from __future__ import annotations

import compileall
import subprocess
import sys

import pytest

from tests.guest.rig import bundle_here, lay_out

# What the guest's init has imported before us
PRELOADED = (
    "import asyncio, base64, ctypes, dataclasses, logging, pathlib, shutil, socket, subprocess, traceback, urllib.parse"
)
IMPORT = f"""
import sys, time
{PRELOADED}
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
begun = time.process_time()
import aleph_entry
aleph_entry.load()
import aleph_entry.interfaces, aleph_entry.asgi
print((time.process_time() - begun) * 1000)
print(*sorted(name for name in set(sys.modules) - before if not name.startswith("aleph_entry")))
begun = time.process_time()
import http.client
print((time.process_time() - begun) * 1000)
"""


@pytest.mark.usefixtures("unmeasured")
def test_the_import_is_short_and_pulls_in_little(tmp_path):
    code = lay_out(tmp_path / "code", {}, seconds=30.0)
    subprocess.run([sys.executable, "-m", compileall.__name__, "-q", "-o", "2", str(code)], check=True)
    command = [sys.executable, "-OO", "-c", IMPORT, str(code)]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n") for _ in range(5)]
    # About two milliseconds; a busy machine takes longer for both.
    assert min(float(run[0]) for run in runs) < min(float(run[2]) for run in runs) / 2
    assert set(runs[0][1].split()) <= {"__future__", "gc"}


BUNDLED = """
import gc, inspect, sys
opened = []
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)
sys.path.insert(0, sys.argv[1])
import aleph_entry
gc.enable() if sys.argv[2] == "True" else gc.disable()
aleph_entry.load()
import aleph_entry.interfaces, aleph_entry.asgi
assert gc.isenabled() is (sys.argv[2] == "True")
print(*(path.rpartition("/")[2] for path in opened if "/aleph_entry/" in path))
scope = sys.modules["aleph_entry.scope"]
assert scope is aleph_entry.scope and scope.complete_scope.__module__ == scope.__spec__.name == "aleph_entry.scope"
assert scope.complete_scope.__code__.co_filename == scope.__file__ == sys.argv[1] + "/aleph_entry/scope.py"
assert "def complete_scope" in inspect.getsource(scope)
"""


@pytest.mark.parametrize("collects", [True, False])
def test_what_every_start_needs_comes_from_one_file(tmp_path, collects):
    code = lay_out(tmp_path / "code", {})
    command = [sys.executable, "-OO", "-B", "-c", BUNDLED, str(code), str(collects)]
    opened = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert [name for name in opened if not name.startswith("__init__.")] == [bundle_here().path.rpartition("/")[2]]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells of threads")
def test_the_watch_of_the_import_ends_with_it(run):
    """A thread that sleeps makes each system call of a request dearer; what is left is the watch of requests."""
    text = "import os\n"
    text += "async def app(scope, receive, send):\n"
    text += "    if scope['type'] != 'http':\n        return\n"
    text += "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
    text += "    await send({'type': 'http.response.body', 'body': str(len(os.listdir('/proc/self/task'))).encode()})\n"
    guest = run({"main.py": text}, "main:app")
    guest.until(lambda: guest.get("/").body == b"2")  # it may need a moment


def test_requests_leave_no_timers_behind(run):
    """A thousand requests a second would otherwise keep thirty thousand of them, each with its request."""
    text = "async def app(scope, receive, send):\n"
    text += "    import asyncio\n    timers = len(asyncio.get_running_loop()._scheduled)\n"
    text += "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
    text += "    await send({'type': 'http.response.body', 'body': str(timers).encode()})\n"
    guest = run({"main.py": text}, "main:app")
    assert [guest.get("/").body for _ in range(20)][-1] == b"1"


def test_requests_leave_nothing_to_the_garbage_collector(run):
    """What is in a reference cycle stays until a collection, which then looks at all that the program holds."""
    text = "import asyncio, gc\ngc.disable()\n"
    text += "async def app(scope, receive, send):\n"
    text += "    kinds = asyncio.StreamReader, asyncio.StreamWriter, asyncio.Task\n"
    text += "    left = sum(isinstance(each, kinds) for each in gc.get_objects())\n"
    text += "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
    text += "    await send({'type': 'http.response.body', 'body': str(left).encode()})\n"
    guest = run({"main.py": text}, "main:app")
    first, *_, last = [int(guest.get("/").body) for _ in range(20)]
    assert last <= first + 3
