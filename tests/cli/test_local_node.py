"""A node on this machine is found by name, and said where nobody named it; nothing goes elsewhere than was said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from hatch_aleph.cli import run
from hatch_aleph.cli.context import Context
from hatch_aleph.cli.output import Output
from hatch_aleph.defaults import DEFAULT_NODES
from hatch_aleph.network.local_nodes import noted, running_node
from hatch_aleph.preferences import preferences_folder


@pytest.fixture(autouse=True)
def _no_node_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("ALEPH_API_HOST", raising=False)
    monkeypatch.setenv("HATCH_ALEPH_CONFIG", str(tmp_path / "config"))


@pytest.fixture
def url(tmp_path):
    """Run a node as a command of its own."""
    command = [sys.executable, "-m", "hatch_aleph", "node", "--port", "0", "--folder", str(tmp_path / "n"), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield next(json.loads(line)["url"] for line in process.stdout if '"ready"' in line)
        finally:
            process.terminate()


def told(capsys, *arguments):
    capsys.readouterr()
    code = run(arguments)
    return (code, *capsys.readouterr())


ADDRESS = "0x" + "1" * 40


def test_it_has_a_name_and_the_faucet_speaks_of_it(url, capsys):
    assert running_node() == url
    code, _, err = told(capsys, "faucet", ADDRESS)
    assert code == 64
    assert f"One runs at {url}: add --node local" in err
    assert told(capsys, "faucet", ADDRESS, "--node", "local")[0] == 0
    code, out, _ = told(capsys, "list", "--address", ADDRESS, "--node", "local")
    assert (code, out) == (0, f"{ADDRESS} has no program.\n")


def test_what_goes_to_the_network_says_once_that_a_node_runs_here(url, capsys):
    context = Context(Output(as_json=False))
    for _ in range(2):
        with context.client() as client:
            assert client.nodes == DEFAULT_NODES
    assert capsys.readouterr().err.count(f"A local node runs at {url}, but this asks {DEFAULT_NODES[0]}") == 1
    with Context(Output(as_json=False), nodes=("http://127.0.0.1:9",)).client():
        assert capsys.readouterr().err == ""


def test_chosen_it_is_taken_and_nothing_else_in_its_place(url, capsys):
    assert told(capsys, "node", "use", "local")[0] == 0
    assert f"* local  {url}" in told(capsys, "node", "list")[1]
    assert told(capsys, "faucet", ADDRESS)[0] == 0
    (note,) = (preferences_folder() / "running").iterdir()
    note.unlink()  # as if it had ended
    code, _, err = told(capsys, "list", "--address", ADDRESS)
    assert code == 64
    assert "No local node runs." in err
    assert "* local  not running" in told(capsys, "node", "list")[1]


def test_the_users_own_name_goes_first(url, capsys):
    assert told(capsys, "node", "add", "local", "http://127.0.0.1:9")[0] == 0
    assert "http://127.0.0.1:9" in told(capsys, "list", "--address", ADDRESS, "--node", "local")[2]


def test_what_has_ended_is_not_found(url):
    with noted(9):  # this process runs, and nobody listens there
        assert running_node() == url
    folder = preferences_folder() / "running"
    port = url.rpartition(":")[2]
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    for planted in (str(process.pid), "", "x" * 99, "9" * 40):
        (folder / port).write_text(planted)
        assert running_node() is None
    (folder / "..evil").write_text(str(os.getpid()))
    assert running_node() is None


def test_a_node_that_ends_takes_its_note_along(tmp_path):
    command = [sys.executable, "-m", "hatch_aleph", "node", "--port", "0", "--folder", str(tmp_path / "n"), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert any('"ready"' in line for line in process.stdout)
        deadline = time.monotonic() + 30
        while running_node() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert running_node()
        process.terminate()
    assert not list((preferences_folder() / "running").iterdir())
