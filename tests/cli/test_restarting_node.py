"""A node that goes away for twenty seconds under commands as somebody runs them: processes, and real time."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.programs.rig import ask, write_app

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
AWAY = 20  # seconds
COMMAND = (sys.executable, "-m", "hatch_aleph")
APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ANSWER"})
"""


class NodeProcess:
    """`hatch-aleph node`, which can be stopped and started again at its address.

    Attributes:
        took: Seconds of its last start, which are long on a busy machine.
    """

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self.start()

    def start(self):
        command = [*COMMAND, "node", "--port", str(self.port), "--folder", str(self._folder / "network")]
        with (self._folder / "node.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        began = time.monotonic()
        while not self._answers():
            assert time.monotonic() < began + 120
            time.sleep(0.2)
        self.took = time.monotonic() - began

    def _answers(self):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/api/v0/info/public.json", timeout=5):
            return True
        return False

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return what runs a command, with the node away for twenty seconds once the command has printed a text."""
    node = NodeProcess(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ALEPH_PRIVATE_KEY", "ALEPH_PRIVATE_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALEPH_API_HOST", node.url)
    monkeypatch.setenv("ALEPH_STATE_FOLDER", str(tmp_path / "state"))

    def run(*arguments, away_at=None):
        command = [*COMMAND, *map(str, arguments), "--json"]
        log = tmp_path / "command.log"
        with log.open("wb") as written:
            process = subprocess.Popen(
                command,
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                env=os.environ,
            )
        if away_at is not None:
            while away_at not in log.read_text("utf-8"):
                assert process.poll() is None, log.read_text("utf-8")
                time.sleep(0.005)
            began = time.monotonic()
            node.stop()
            time.sleep(max(0.0, AWAY - node.took - (time.monotonic() - began)))
            node.start()
        assert process.wait(300) == 0, log.read_text("utf-8")
        events = [json.loads(line) for line in log.read_text("utf-8").splitlines() if line.startswith("{")]
        return next(event for event in events if event["event"] == "result")

    run.url = node.url
    run("account", "create", "mine")
    run("account", "use", "mine")
    run("faucet")
    yield run
    node.stop()


# What a command prints when it begins to wait for a message, and when it sends one.
WAITING, SENDING = '"step": "wait", "type": "PROGRAM"', '"step": "publish", "type": "PROGRAM"'


def test_a_programs_life_goes_on(run, tmp_path):
    one, two = write_app(tmp_path / "one", "one", source=APP), write_app(tmp_path / "two", "two", source=APP)
    made = run("create", one, "main:app", "--updatable", away_at=SENDING)["item_hash"]
    assert ask(f"{run.url}/vm/{made}/") == (200, "one")
    assert run("update", made, two, away_at='"type": "STORE"')["item_hash"] == made
    there = run("persist", made, away_at=WAITING)
    assert (there["previous"], there["forgotten"]) == (made, True)
    assert ask(f"{run.url}/vm/{there['item_hash']}/") == (200, "two")
    assert run("delete", there["item_hash"], away_at='"type": "FORGET"')["item_hash"] == there["item_hash"]
    assert run("list")["programs"] == []


def test_a_deployment_goes_on(run, tmp_path, make_project):
    project = make_project({"main.py": APP.replace("ANSWER", "first")})
    first = run("deploy", "--project", project, "--yes", away_at=WAITING)
    (project / "main.py").write_text(APP.replace("ANSWER", "second"), "utf-8")
    again = run("deploy", "--project", project, "--yes", away_at='"step": "wait", "type": "STORE"')
    assert again["item_hash"] == first["item_hash"]
    back = run("rollback", "--project", project, "--yes", away_at='"step": "wait", "type": "STORE"')
    assert back["item_hash"] == first["item_hash"]
    assert ask(f"{run.url}/vm/{first['item_hash']}/") == (200, "first")
