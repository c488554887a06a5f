"""What things cost, and where credits went: each amount with its unit."""

from __future__ import annotations

import pytest

from hatch_aleph.network import NodeClient


def test_pricing_agrees_with_what_the_node_charges(cli, network):
    priced = cli.json("pricing").result
    first = priced["tiers"][0]
    assert (first["units"], first["vcpus"], first["memory_mib"]) == (1, 1, 2048)
    made = cli.create("priced", "--internet")
    with NodeClient([network.url]) as client:
        program = client.price(made["item_hash"]).per_day
    assert float(first["internet"]) == pytest.approx(float(program), rel=0.001)
    told = cli("pricing").out
    assert "$0.26 (264,000 credits)" in told
    assert "a day" in told


def test_credits_history(cli, network):
    done = cli("credits", "history")
    assert "$1,000.00" in done.out
    assert "1,000,000,000" in done.out
    listed = cli.json("credits", "history", cli.account.address, "--limit", "1").result
    assert [(each["amount"], each["provider"]) for each in listed["history"]] == [("1000000000", "faucet")]
    cli.use(network.new_account(0))
    assert "never had credits" in cli("credits", "history").out


APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})
"""
DRY = ["create", "update", "persist", "delete", "volume publish", "volume delete", "domain attach"]


@pytest.mark.parametrize("command", DRY)
def test_a_dry_run_says_what_it_would_do_and_sends_nothing(cli, command):
    made = cli.create("dry", "--updatable")
    volume = cli.json("volume", "publish", cli.app("volume")).result["item_hash"]
    before, app = cli.sent, cli.app("changed")
    arguments = {
        "create": (app, "main:app"),
        "update": (made["item_hash"], app),
        "persist": (made["item_hash"],),
        "delete": (made["item_hash"],),
        "volume publish": (app,),
        "volume delete": (volume,),
        "domain attach": ("api.example.org", made["item_hash"]),
    }[command]
    done = cli.json(*command.split(), *arguments, "--dry-run").result
    assert done["dry_run"] is True
    assert done["would"]
    assert cli.sent == before
    assert "dry run" in cli(*command.split(), *arguments, "--dry-run").out
    assert cli.sent == before


def test_a_dry_run_of_a_project(cli, make_project):
    project = make_project({"main.py": APP})
    said = ("--project", project)
    assert cli("deploy", *said, "--yes", "--no-smoke").code == 0
    for change in ("one", "two"):
        (project / "main.py").write_text(f"{APP}# {change}\n", "utf-8")
        assert cli("deploy", *said, "--yes", "--no-smoke").code == 0
    before = cli.sent
    for command in ("rollback", "prune", "delete"):
        done = cli(command, *said, "--dry-run")
        assert (done.code, "dry run" in done.out) == (0, True), done.err
    assert cli.sent == before
