"""What things cost, and where credits went: each amount with its unit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hatch_aleph
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.money import amount


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
    assert [(each["amount"], each["provider"]) for each in listed["history"]] == [(1_000_000_000, "faucet")]
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


def test_every_command_tells_the_same_figure(cli, make_project):
    """Of what is live, each command says what the next one does; in text it is dollars of one form."""
    project = ("--project", make_project({"main.py": APP}))
    announced = next(e for e in cli.json("plan", *project).events if e["event"] == "result")["plan"]["cost"]["after"]
    deployed = cli.json("deploy", *project, "--yes", "--no-smoke").result["item_hash"]
    made = cli.create("beside")

    listed = {each["item_hash"]: each["price"]["per_day"] for each in cli.json("list").result["programs"]}
    status = cli.json("status", *project).result["status"]
    whole = cli.json("status", "--all").result["status"]
    shown = cli.json("show", deployed).result
    planned = next(e for e in cli.json("plan", *project).events if e["event"] == "result")["plan"]["cost"]

    def same(one: object, other: object) -> bool:
        return float(one) == pytest.approx(float(other), rel=1e-6)

    told = (announced, status["daily"], status["balance"], made["per_day"], shown["per_day"], whole["spending"])
    assert all(isinstance(figure, float) and figure == round(figure, 6) for figure in told), told
    assert same(announced, status["daily"])
    assert same(planned["now"], status["daily"])
    assert same(shown["per_day"], listed[deployed])
    assert listed[deployed] < status["daily"]  # its code costs as well
    assert same(status["daily"] + made["per_day"], whole["spending"])
    assert same(planned["elsewhere"], made["per_day"])
    assert same(whole["spending"], status["spending"])
    assert same(status["days"], float(whole["balance"]) / float(whole["spending"]))  # of all that the owner pays for
    dollars = f"${float(status['daily']) / 1_000_000:.2f}"
    for command in (("status", *project), ("plan", *project), ("status", "--all"), ("list",), ("show", deployed)):
        told = cli(*command)
        assert dollars in told.out, told.out
        assert "credits a day" not in told.out


@pytest.mark.parametrize("command", ["volume publish --amend REF", "update PROGRAM"])
def test_new_content_beside_the_earlier_says_what_is_paid_before_and_after(cli, command):
    made = cli.create("paid", "--updatable")
    ref = made["code"]
    if "volume" in command:
        ref = cli.json("volume", "publish", cli.app("one")).result["item_hash"]
    words = [{"REF": ref, "PROGRAM": made["item_hash"]}.get(word, word) for word in command.split()]
    line = (*words, cli.app("changed"), *(("--no-smoke", "--no-health") if "update" in words else ()))

    def paid() -> str:
        return amount(cli.json("volume", "show", ref).result["per_day"], "credit")

    before, would = paid(), cli.json(*line, "--dry-run").result["would"]
    assert cli(*line, "--yes").code == 0
    assert f" a day: {before} before, {paid()} after, as the earlier content stays" in would
    assert before != paid()


def test_every_command_tells_alike_how_long_the_balance_lasts(cli, network, make_project):
    cli.use(network.new_account(10**6))
    project = ("--project", make_project({"main.py": APP}))
    assert cli("deploy", *project, "--yes", "--no-smoke").code == 0
    for command in (("status", *project), ("plan", *project), ("status", "--all")):
        assert "lasts 3.8 days" in cli(*command).out


def test_only_one_module_makes_dollars_of_credits():
    package = Path(hatch_aleph.__file__).parent
    dollars = re.compile(r"""["'][^"'\n]*\$\{?[a-z(-]*dollar""")
    makers = [file.name for file in package.rglob("*.py") if dollars.search(file.read_text("utf-8"))]
    assert makers == ["money.py"]
