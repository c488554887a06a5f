"""Wherever a start can fail, the same block tells it: what, where in the user's file, what to do, where the log is."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

MAIN = """
import os

def load():
    return {}["missing"]  # of %s

SETTINGS = load()

async def app(scope, receive, send):
    pass
"""
BLOCK = """\
  KeyError: 'missing' (while it starts)
    main.py, line 5:  return {}["missing"]  # of"""


def check_log(told):
    """The file that is named holds all that the program has printed, the traceback of its own frames first."""
    log = Path(re.search(r"  The whole log: (\S+)\n", told)[1])
    assert 'Traceback (most recent call last):\n  File "main.py", line 7' in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def check(done, code, *, next_step):
    """Check the block of a program that fails at its host, 11, or already here, 12, which keeps the log in a file."""
    assert done.code == code, done.err
    assert BLOCK in done.err
    if code == 11:
        assert "  The whole log: `hatch-aleph logs " in done.err
    else:
        check_log(done.err)
    assert next_step in done.err.partition("Error: ")[2]
    assert "Traceback" not in done.err
    what = done.err.partition("Error: ")[2]
    assert what.count("KeyError") == 1  # the host's answer says it too


def test_of_a_project(cli, make_project):
    root = make_project({"main.py": MAIN % "project"})
    deploy = ("deploy", "--project", root, "--yes")
    check(cli(*deploy), 12, next_step="Nothing was sent. See it with `hatch-aleph serve`")
    check(cli(*deploy, "--no-smoke"), 11, next_step="Mend it and deploy again")
    told = cli("status", "--project", root)
    assert told.code == 1
    assert (
        f"Trouble: it does not answer as it should: it answers 500 (expected any status below 500)\n{BLOCK}" in told.out
    )
    assert told.out.endswith("  The whole log: `hatch-aleph logs`\nMend it and deploy again: `hatch-aleph deploy`\n")
    told = cli("status", "--project", root, "--json").out
    assert "Error during vm initialisation: KeyError: 'missing' (main.py, line 5: " in told
    told = cli("history", "--check", "--project", root).out
    assert told.startswith("Not well: does not start, release 1 (version 1.0), ")
    assert f"Trouble: it answers 500 (expected any status below 500)\n{BLOCK}" in told
    assert "  The whole log: `hatch-aleph logs`\n" in told
    told = cli("list", "--check").out
    assert re.search(r"^my-api  .* does not start$", told, re.MULTILINE)
    assert re.search(
        rf"^my-api: it answers 500 .*\n{re.escape(BLOCK)}.*\n  The whole log: `hatch-aleph logs \w{{12}}`$",
        told,
        re.MULTILINE,
    )
    assert f"The entry point cannot be imported.\n{BLOCK}" in cli("report", "--project", root).err
    assert "failed: KeyError: 'missing'" in cli("logs", "--project", root).out
    check(cli("restart", "--project", root), 11, next_step="It stays published")


def test_of_a_process_that_ends(cli, make_project):
    """Nothing describes such an end but the host; its other lines, and the adapter's, tell nothing of it."""
    root = make_project({"main.py": "import os\nprint('no disk', flush=True)\nos._exit(3)\napp = None\n"})
    end = "its process ended before it was ready (exit code 3)"
    done = cli("deploy", "--project", root, "--yes")
    assert done.code == 12
    assert (
        f"Error: main:app: Tried here, the program does not start.\n  no disk\n  {end}\n  The whole log: /" in done.err
    )
    done = cli("deploy", "--project", root, "--yes", "--no-smoke")
    assert done.code == 11
    assert f"\n  no disk\n  local host: {end}\n  The whole log: `hatch-aleph logs " in done.err
    assert f"\n  {end} (while it starts)\n  The whole log: " in cli("status", "--project", root).out
    assert f" failed: {end}\n" in cli("logs", "--project", root).out
    with running("serve", "--project", root, folder=root) as (lines, _):
        pass
    assert f"It does not start.\n  no disk\n  {end}\n  The whole log: /" in "".join(lines)


@contextmanager
def running(*command, folder):
    """Run a command that goes on until it is interrupted; gives its lines and what asks its server."""
    words = [sys.executable, "-u", "-m", "hatch_aleph", *map(str, command), "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if found := re.match(r"Serving at (\S+)", line):
                break
        try:
            yield lines, found.group(1)
        finally:
            process.send_signal(signal.SIGINT)
            lines.extend(process.stderr)


def test_of_what_runs_here(cli, make_project):
    root = make_project({"main.py": MAIN % "serve"})
    assert cli("deploy", "--project", root, "--yes", "--no-smoke").code == 11
    item_hash = cli.json("list").result["programs"][0]["item_hash"]
    for command, then in (
        (("serve", "--project", root), "Mend it, then: `hatch-aleph serve`"),
        (("run", item_hash, "--node", cli.network.url), "The next request tries it again."),
    ):
        with running(*command, folder=root) as (lines, url), pytest.raises(urllib.error.HTTPError, match="500"):
            urllib.request.urlopen(url)
        told = "".join(lines)
        # At its own start, and by the request.
        assert (
            len(re.findall(rf"It does not start\.\n{re.escape(BLOCK)} serve\n  The whole log: \S+\n{then}", told)) == 2
        )
        check_log(told)
        assert told.count("Traceback") == 2  # with the frames of its own code
        assert "aleph_host_inside" not in told
        assert "failure {" not in told
        assert told.endswith("Ended.\n")
        assert "500 GET /" in told


def test_without_a_project(cli):
    broken = cli.app("x", source=MAIN % "create")
    create = ("create", broken, "main:app")
    check(cli(*create), 12, next_step="Nothing was sent. `--no-smoke`")
    check(cli(*create, "--no-smoke"), 11, next_step="It stays published")
    item_hash = cli.json("list").result["programs"][0]["item_hash"]
    mended = cli.app("y", source="async def app(scope, receive, send): raise ZeroDivisionError")
    assert cli("update", item_hash, mended, "--no-smoke", "--no-health").code == 0
    broken = cli.app("x", source=MAIN % "update")
    check(cli("update", item_hash, broken), 12, next_step="Nothing was sent. `--no-smoke`")


def test_of_an_executable_the_last_lines_are_told(cli, make_project):
    table = '[project]\nname = "x"\nversion = "1"\n[tool.aleph]\ninterface = "executable"\n'
    table += 'entrypoint = "python3 main.py"\n'
    root = make_project({"pyproject.toml": table, "main.py": "print('no disk')\nraise SystemExit(3)\n"})
    done = cli("deploy", "--project", root, "--yes")
    assert done.code == 12, done.err
    assert "no disk" in done.err
    assert "hatch-aleph serve" in done.err


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"error": 1, "detail": ""}', '{"error": "x", "detail": 7}', "[" * 9999]
)
def test_what_no_host_says_is_no_traceback(body):
    from hatch_aleph.deploy.health import _of_traceback

    told = _of_traceback(body)
    assert told is None or "\n" not in told


def test_what_nobody_else_reads_is_told_of_a_secret_and_runs(cli, make_project):
    key = "!0+leqpf0=qa5$=9*1zv6=fxy%w&c7t9yd@_^lkikqhr-4y7b^"
    app = """
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"served"})
    """
    root = make_project({"main.py": app, "settings.py": f"SECRET_KEY = 'django-insecure-{key}'\n"})
    with running("serve", "--project", root, folder=root) as (lines, url), urllib.request.urlopen(url) as answer:
        assert answer.read() == b"served"
    told = "".join(lines)
    assert "Here nobody else reads it; `hatch-aleph deploy` refuses it." in told
    assert "settings.py:1: secret by its name and form" in told
    assert key not in told
    # It lies where nothing is published from.
    assert not list((root / "dist").glob("*.json"))
    assert cli("deploy", "--project", root, "--yes").code == 4


@pytest.mark.parametrize("status", ["400 Bad Request", "421 Misdirected Request"])
def test_a_host_that_is_not_known_is_told_as_what_it_may_be(cli, make_project, status):
    app = f"""
        def app(environ, start_response):
            known = environ["HTTP_HOST"] == "example.org"
            start_response("200 OK" if known else "{status}", [])
            return [b""]
    """
    told = cli("deploy", "--project", make_project({"main.py": app}), "--yes")
    assert told.code == 0
    assert f"Tried here, the program answers {status[:3]} at /: `health.path` may name" in " ".join(told.err.split())
    assert "a host that they do not know (ALLOWED_HOSTS," in " ".join(told.err.split())
