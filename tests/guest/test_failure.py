"""Failures carry their cause: in the host's message, in the log for people, and in the log as data."""

from __future__ import annotations

import json
import re
import time

import pytest

from hatch_aleph.guest.entrypoint import START_MARK
from hatch_aleph.guest.failure import FAILURE_MARK
from tests.guest.rig import StartError

OK = """
async def answer(send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})
"""


def failures(log: str) -> list[dict]:
    return [json.loads(line[len(FAILURE_MARK) :]) for line in log.splitlines() if line.startswith(FAILURE_MARK)]


def wait_for(guest, count: int = 1) -> list[dict]:
    deadline = time.monotonic() + 10
    while len(failures(guest.log)) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    return failures(guest.log)


@pytest.mark.parametrize(
    ("text", "kind", "message", "line", "code"),
    [
        (
            "import os\nimport nothing_of_the_kind\n",
            "ModuleNotFoundError",
            "No module named",
            2,
            "import nothing_of_the_kind",
        ),
        ("\n\nx = {}['DATABASE_URL']\n", "KeyError", "'DATABASE_URL'", 3, "x = {}['DATABASE_URL']"),
        (
            "import sys\nsys.exit('no DATABASE_URL')\n",
            "SystemExit",
            "'no DATABASE_URL'",
            2,
            "sys.exit('no DATABASE_URL')",
        ),
        ("def app(:\n", "SyntaxError", "", 1, "def app(:"),
    ],
)
def test_an_import_that_fails(run, text, kind, message, line, code):
    with pytest.raises(StartError) as caught:
        run({"pkg/__init__.py": "", "pkg/main.py": text}, "pkg.main:app")
    said, trace = caught.value.args[:2]
    assert said.startswith(kind)
    assert message in said
    assert said.endswith(f"(pkg/main.py, line {line}: {code})")
    assert "aleph_entry/" not in trace.partition("direct cause")[0]  # our frames say nothing to the author


def test_a_start_up_that_fails(run):
    text = (
        "async def connect():\n    raise ConnectionError('no database')\n"
        "async def app(scope, receive, send):\n"
        "    try:\n        await connect()\n"
        "    except Exception:\n"
        "        await send({'type': 'lifespan.startup.failed', 'message': 'a long traceback'})\n        raise\n"
    )
    with pytest.raises(StartError) as caught:
        run({"main.py": text}, "main:app")
    assert (
        "ConnectionError: no database (main.py, line 2: raise ConnectionError('no database'))" in caught.value.args[0]
    )


def test_a_request_that_fails(run):
    text = OK + "def work():\n    return 1 / 0\nasync def app(scope, receive, send):\n    work()\n"
    guest = run({"main.py": text}, "main:app")
    assert guest.get("/a?secret=1", "POST").status == 500
    [failure] = wait_for(guest)
    expected = {"event": "POST /a", "type": "ZeroDivisionError", "file": "main.py", "line": 6, "code": "return 1 / 0"}
    assert failure == {**expected, "message": "division by zero"}
    trace = guest.log.partition("Traceback")[2].partition(FAILURE_MARK)[0]
    assert 'File "main.py", line 6, in work' in trace
    assert "aleph_entry" not in trace


def test_of_a_group_of_errors_the_first_is_told(run):
    text = OK + "class Group(Exception):\n    exceptions = (KeyError('inner'),)\n"
    text += "async def app(scope, receive, send):\n    if scope['type'] == 'http':\n        raise Group('outer')\n"
    guest = run({"main.py": text}, "main:app")
    assert guest.get("/").status == 500
    [failure] = wait_for(guest)
    assert (failure["type"], failure["message"]) == ("KeyError", "'inner'")
    assert "Group: outer" in guest.log


def test_a_wsgi_request_that_fails(run):
    guest = run({"main.py": "def app(environ, start_response):\n    raise SystemExit('gone')\n"}, "main:app")
    assert guest.get("/").status == 500
    [failure] = wait_for(guest)
    assert (failure["type"], failure["line"]) == ("SystemExit", 2)
    assert "sys.exit('gone')" in failure["message"]
    assert "threading.py" not in guest.log.partition("Traceback")[2]


HANGING = {
    "awaits": "import asyncio\nasync def slow():\n    await asyncio.sleep(60)\nasync def app(s, r, send):\n"
    "    if s['type'] == 'http':\n        await slow()\n",
    "blocks": "import time\nasync def app(s, r, send):\n    if s['type'] == 'http':\n        time.sleep(2)\n",
    "thread": "import time\ndef app(environ, start_response):\n\n    time.sleep(2)\n    return []\n",
    "to_thread": "import time, asyncio\ndef slow():\n    time.sleep(2)\nasync def app(s, r, send):\n"
    "    if s['type'] == 'http':\n        await asyncio.get_running_loop().run_in_executor(None, slow)\n",
}


@pytest.mark.parametrize(("kind", "line"), [("awaits", 3), ("blocks", 4), ("thread", 4), ("to_thread", 6)])
def test_what_hangs_shows_its_stack(run, kind, line):
    guest = run({"main.py": HANGING[kind]}, "main:app", seconds=0.6)
    guest.get("/slow")
    failure = wait_for(guest)[0]
    assert failure["event"] == "GET /slow"
    assert (failure["type"], failure["file"], failure["line"]) == ("Timeout", "main.py", line)


def test_an_import_that_hangs_shows_its_stack(run):
    """The host gives up after 60 seconds; the watch looks after 50, here at once."""
    text = "import sys, time\nentrypoint = sys.modules['aleph_entry.entrypoint']\n"
    text += "with entrypoint._failures_told('main:app'):\n    time.sleep(0.5)\n" + OK
    text += "async def app(scope, receive, send):\n    await answer(send)\n"
    first = (
        "import sys\nsys.modules['aleph_entry.entrypoint'].IMPORT_SECONDS = 0.05\nimport slow\nfrom slow import app\n"
    )
    guest = run({"main.py": first, "slow.py": text}, "main:app")
    failure = wait_for(guest)[0]
    assert (failure["event"], failure["type"]) == ("start", "Timeout")
    assert (failure["file"], failure["line"]) == ("slow.py", 4)
    stack = guest.log.partition("Stack")[2].partition("Timeout")[0]
    assert re.findall(r'File "(.+?)"', stack) == ["main.py", "slow.py"]  # not those of the init


def test_what_is_over_in_time_is_no_failure(run):
    text = OK + "async def app(scope, receive, send):\n    await answer(send)\n"
    guest = run({"main.py": text}, "main:app", seconds=0.3)
    for _ in range(5):
        guest.get("/")
        time.sleep(0.2)
    assert failures(guest.log) == []


def test_the_programs_log_begins_with_a_line_of_ours(run):
    text = "print('mine')\nasync def app(scope, receive, send): ...\n"
    log = run({"main.py": text}, "main:app").log
    assert log.index(f"{START_MARK}main:app\n") < log.index("mine")
    assert log.count(START_MARK) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("x-a", "1\r\nx-b: 2"), ("x-a", "1\n2"), ("x-a", "\0"), ("x a", "1"), ("x:a", "1")]
)
@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_headers_that_http_forbids_are_refused(run, interface, name, value):
    """As uvicorn and gunicorn do; the host would drop the header, or fail."""
    apps = {
        "asgi": "async def app(scope, receive, send):\n"
        f"    head = [({name.encode()!r}, {value.encode()!r})]\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': head})\n"
        "    await send({'type': 'http.response.body'})\n",
        "wsgi": "def app(environ, start_response):\n"
        f"    start_response('200 OK', [({name!r}, {value!r})])\n    return [b'x']\n",
    }
    guest = run({"main.py": apps[interface]}, "main:app")
    answer = guest.get("/")
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert wait_for(guest)[0]["message"].startswith("invalid HTTP header")
