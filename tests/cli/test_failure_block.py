"""Wherever a start can fail, the same block tells it: what, where in the user's file, what to do, where the log is."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

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


def check(done, code, *, next_step, log="hatch-aleph "):
    assert done.code == code, done.err
    assert BLOCK in done.err
    assert (f"  The whole log: `{log}" in done.err) if log else ("hatch-aleph serve" not in done.err)
    assert next_step in done.err.partition("Error: ")[2]
    assert "Traceback" not in done.err
    what = done.err.partition("Error: ")[2]
    assert what.count("KeyError") == 1  # the host's answer says it too


def test_of_a_project(cli, make_project):
    root = make_project({"main.py": MAIN % "project"})
    deploy = ("deploy", "--project", root, "--yes")
    check(cli(*deploy), 12, next_step="Nothing was sent.", log="hatch-aleph serve")
    check(cli(*deploy, "--no-smoke"), 11, next_step="Mend it and deploy again")
    told = cli("status", "--project", root)
    assert told.code == 1
    assert "Error during vm initialisation: KeyError: 'missing' (main.py, line 5: " in told.out
    assert told.out.rstrip().endswith("The whole log: `hatch-aleph logs`")
    assert "failed: KeyError: 'missing'" in cli("logs", "--project", root).out
    check(cli("restart", "--project", root), 11, next_step="It stays published")


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
        assert told.count(f"It does not start.\n{BLOCK} serve\n{then}") == 2  # at its own start, and by the request
        assert told.count("Traceback") == 2  # with the frames of its own code
        assert "aleph_host_inside" not in told
        assert "failure {" not in told
        assert "500 GET /" in told


def test_without_a_project(cli):
    broken = cli.app("x", source=MAIN % "create")
    create = ("create", broken, "main:app")
    # `serve` shows projects alone.
    check(cli(*create), 12, next_step="Nothing was sent. `--no-smoke`", log="")
    check(cli(*create, "--no-smoke"), 11, next_step="It stays published")
    item_hash = cli.json("list").result["programs"][0]["item_hash"]
    mended = cli.app("y", source="async def app(scope, receive, send): raise ZeroDivisionError")
    assert cli("update", item_hash, mended, "--no-smoke", "--no-health").code == 0
    broken = cli.app("x", source=MAIN % "update")
    check(cli("update", item_hash, broken), 12, next_step="Nothing was sent. `--no-smoke`", log="")


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
