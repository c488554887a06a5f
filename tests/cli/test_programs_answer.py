"""Programs without a project: tried here, asked once published, shown before they are forgotten, as deployments are."""

from __future__ import annotations

import sys

import pytest

from tests.programs.rig import ask, ask_until

BROKEN = """
async def app(scope, receive, send):
    raise RuntimeError("no engine")
"""
PICKY = """
import os

async def app(scope, receive, send):
    if os.environ.get("MODE") == "bad":
        raise RuntimeError("bad mode")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"picky"})
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Give up after seconds what fails for two minutes."""
    monkeypatch.setattr("hatch_aleph.deploy.health.DEFAULT_TIMEOUT", 8.0)


def broken(cli):
    return cli.app("broken", **{"main.py": BROKEN})


def test_what_fails_here_is_never_sent(cli):
    error = cli.json("create", broken(cli), "main:app").error
    assert (error["exit_code"], "Nothing was sent" in error["hint"]) == (11, True)
    assert cli.sent == []


def test_what_is_published_must_answer(cli):
    error = cli.json("create", broken(cli), "main:app", "--no-smoke").error
    assert error["exit_code"] == 11
    assert "hatch-aleph update" in error["hint"]


def test_an_update_that_does_not_answer_is_taken_back(cli, network):
    made = cli.create("first")
    assert ask(made["urls"][0]) == (200, "first")  # it runs when it is updated
    error = cli.json("update", made["item_hash"], broken(cli), "--no-smoke").error
    assert (error["exit_code"], "rolled back" in error["hint"]) == (11, True)
    assert ask_until(made["urls"][0], "first") == "first"
    done = cli.json("update", made["item_hash"], cli.app("second")).result
    assert ask(done["urls"][0]) == (200, "second")


def test_a_replacement_that_does_not_answer_leaves_the_program_before(cli, network):
    made = cli.json("create", cli.app(**{"main.py": PICKY}), "main:app", "--name", "picky", "--updatable").result
    error = cli.json("update", made["item_hash"], "--env-vars", "MODE=bad", "--replace").error
    assert (error["exit_code"], "Nothing was sent" in error["hint"], cli.sent) == (11, True, ["STORE", "PROGRAM"])
    error = cli.json("update", made["item_hash"], "--env-vars", "MODE=bad", "--replace", "--no-smoke").error
    assert (error["exit_code"], "as it was" in error["hint"]) == (11, True)
    assert ask(made["urls"][0]) == (200, "picky")
    statuses = [network.status(item_hash) for kind, item_hash in network.sent(cli.account.address) if kind == "PROGRAM"]
    assert statuses == ["processed", "forgotten"]


def test_persist_tries_what_is_published_before_it_sends_anything(cli, network):
    made = cli.json("create", broken(cli), "main:app", "--updatable", "--no-smoke", "--no-health").result
    error = cli.json("persist", made["item_hash"]).error
    assert (error["exit_code"], "Nothing was sent" in error["hint"], cli.sent) == (11, True, ["STORE", "PROGRAM"])
    error = cli.json("persist", made["item_hash"], "--no-smoke").error
    assert (error["exit_code"], "as it was" in error["hint"]) == (11, True)
    assert network.status(made["item_hash"]) == "processed"


def test_every_hash_is_shown_before_it_is_forgotten(cli):
    made = cli.create("shown", "--updatable")
    done = cli("persist", made["item_hash"])
    assert made["item_hash"] in done.err
    again = next(line for line in done.out.splitlines() if line.startswith("Program ")).split()[1]
    gone = cli("delete", again)
    assert again in gone.err
    assert made["code"] in gone.err
    assert "three minutes" in gone.err


def test_delete_asks_on_a_terminal(cli, monkeypatch, network):
    made = cli.create("kept")
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(getattr(sys, stream), "isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _prompt: "n")
    assert cli("delete", made["item_hash"]).code == 130
    assert network.status(made["item_hash"]) == "processed"
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _prompt: "y")
    assert cli("delete", made["item_hash"]).code == 0
    assert network.status(made["item_hash"]) == "forgotten"


def test_delete_waits_for_the_end_if_asked(cli, network):
    made = cli.create("ending")
    assert ask(made["urls"][0]) == (200, "ending")
    assert cli("delete", made["item_hash"], "--wait").code == 0
    assert made["item_hash"] not in network.get("/v2/about/executions/list")
