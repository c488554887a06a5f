"""Declared and done agree: what a command changes stays, what it keeps is kept, what is left is said."""

from __future__ import annotations

import json
import time

import pytest

from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.messages import sign_message
from tests.programs.rig import ask

APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})
"""


def test_a_persisted_project_stays_so(cli, network, make_project):
    project = make_project({"main.py": APP})
    text = (project / "pyproject.toml").read_text("utf-8").replace("[tool.aleph]", "[tool.aleph]\nupdatable = true")
    (project / "pyproject.toml").write_text(text, "utf-8")
    said = ("--project", project)
    first = cli.json("deploy", *said, "--yes", "--no-smoke").result
    there = cli.json("persist", *said, "--write", "--keep-prev").result
    assert (there["previous"], there["forgotten"]) == (first["item_hash"], False)
    again = cli.json("deploy", *said, "--yes", "--no-smoke").result
    assert (again["changed"], again["item_hash"]) == (False, there["item_hash"])
    assert first["item_hash"] in cli("status", *said).out
    # A deployment that replaces the program keeps it as well, and so do those who clean up.
    text = (project / "pyproject.toml").read_text("utf-8").replace("[tool.aleph]", "[tool.aleph]\nmemory = 512")
    (project / "pyproject.toml").write_text(text, "utf-8")
    third = cli.json("deploy", *said, "--yes", "--no-smoke").result
    assert third["item_hash"] not in (first["item_hash"], there["item_hash"])
    assert network.status(there["item_hash"]) == "forgotten"
    for command in (("prune",), ("delete",)):
        assert cli(*command, *said, "--yes").code == 0
        assert network.status(first["item_hash"]) == "processed"
    assert ask(first["urls"][1]) == (200, "x")  # with all that it is made of


def used_by_a_stranger(network, made: str) -> tuple[object, str]:
    """Let somebody else publish a program of the same code, which the network then keeps; return both."""
    stranger = network.new_account()
    content, now = {**network.content(made), "address": stranger.address}, time.time()
    with NodeClient([network.url]) as client:
        message = sign_message(stranger, "PROGRAM", {**content, "time": now}, channel="TEST", time=now)
        client.publish(message)
        client.wait(message.item_hash)
    return stranger, message.item_hash


def forgets_signed(cli) -> int:
    """Count the FORGETs that were signed, whatever became of them."""
    journals = [json.loads(file.read_text("utf-8")) for file in (cli.folder / "state" / "journal").glob("*.json")]
    return sum(each["type"] == "FORGET" for journal in journals for each in journal["outcomes"])


def test_what_is_refused_in_part_says_what_is_gone_what_stays_and_its_cost(cli, network):
    made = cli.create("shared")
    used_by_a_stranger(network, made["item_hash"])
    error = cli.json("delete", made["item_hash"]).error
    assert f"Gone: {made['item_hash']}." in error["hint"]
    assert f"a day: {made['code']}." in error["hint"]
    assert "$" in error["hint"]
    assert network.status(made["item_hash"]) == "forgotten"
    assert network.status(made["code"]) == "processed"


@pytest.mark.parametrize("of", ["program", "project"])
def test_what_was_refused_is_not_signed_again_as_long_as_it_would_be_refused(cli, network, make_project, of):
    if of == "program":
        item_hash = cli.create("shared")["item_hash"]
        line = ("delete", item_hash, "--missing-ok")
    else:
        project = make_project({"main.py": APP})
        item_hash = cli.json("deploy", "--project", project, "--yes", "--no-smoke").result["item_hash"]
        line = ("delete", "--project", project, "--yes", "--missing-ok")
    code = network.content(item_hash)["code"]["ref"]
    mine, (stranger, theirs) = cli.account, used_by_a_stranger(network, item_hash)
    for _again in range(3):
        error = cli.json(*line).error
        assert (error["exit_code"], forgets_signed(cli)) == (10, 2)  # the program's, and the code's, which is refused
        assert f"a day: {code}." in error["hint"]
    cli.use(stranger)
    assert cli("delete", theirs, "--keep-code", "--yes").code == 0
    cli.use(mine)
    assert cli.json(*line).result["deleted_volumes"] == [code]
    assert network.status(code) == "forgotten"


def test_what_the_owner_has_not_permitted_is_refused_before_anything_is_sent(cli, network, make_project):
    owner = network.new_account()
    acting = ("--address", owner.address)
    project = make_project({"main.py": APP})
    for command in (
        ("create", cli.app(), "main:app"),
        ("volume", "publish", cli.app()),
        ("deploy", "--project", project, "--yes", "--no-smoke"),
    ):
        error = cli.json(*command, *acting).error
        assert ("has not permitted" in error["message"], error["exit_code"]) == (True, 13), error
        assert "authorization add" in error["hint"]
    assert cli.sent == []
    mine = cli.account
    cli.use(owner)
    assert cli("authorization", "add", mine.address, "--deploy", "--yes").code == 0
    cli.use(mine)
    made = cli.json("create", cli.app(), "main:app", *acting).result["item_hash"]
    assert network.content(made)["address"] == owner.address


def test_a_domain_that_is_not_attached_is_not_everything_in_order(cli):
    error = cli.json("domain", "check", "api.example.org").error
    assert "attached to no program" in error["message"]
    assert "domain attach api.example.org ITEM_HASH`" in error["hint"]


def test_a_project_of_an_owner_is_persisted_by_whoever_may(cli, network, make_project):
    owner, first, second = (network.new_account() for _ in range(3))
    project = make_project({"main.py": APP})
    text = (project / "pyproject.toml").read_text("utf-8")
    said = f'[tool.aleph]\nupdatable = true\naddress = "{owner.address}"'
    (project / "pyproject.toml").write_text(text.replace("[tool.aleph]", said), "utf-8")
    cli.use(owner)
    for each in (first, second):
        assert cli("authorization", "add", each.address, "--deploy", "--yes").code == 0
    cli.use(first)
    deployed = cli.json("deploy", "--project", project, "--yes", "--no-smoke").result["item_hash"]
    cli.use(second)
    there = cli.json("persist", "--project", project, "--write").result
    assert (there["previous"], there["forgotten"]) == (deployed, True)
    assert network.content(there["item_hash"])["address"] == owner.address
    cli.use(owner)
    assert cli("authorization", "revoke", second.address, "--yes").code == 0
    cli.use(second)
    assert "has not permitted" in cli.json("unpersist", "--project", project, "--write").error["message"]
    assert network.status(there["item_hash"]) == "processed"


def acting_for(cli, network, owner, *bounds):
    """Return an account that its owner has permitted so much, and sign as it from now on."""
    agent = network.new_account()
    cli.use(owner)
    assert cli("authorization", "add", agent.address, *bounds, "--yes").code == 0
    cli.use(agent)
    return agent


def test_a_preview_is_removed_by_whoever_may_publish_it_and_by_nobody_else(cli, network, make_project):
    owner = network.new_account()
    project = make_project({"main.py": APP})
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f'address = "{owner.address}"\n[tool.aleph.profiles."pr-*"]\nmemory = 512\n')
    said = ("--project", project, "--yes", "--profile", "pr-12")
    acting_for(cli, network, owner, "--deploy")
    preview = cli.json("deploy", *said, "--no-smoke").result["item_hash"]
    closed = ("delete", *said, "--missing-ok")
    for bounds in ((), ("--type", "STORE")):
        if bounds:
            acting_for(cli, network, owner, *bounds)
        else:
            cli.use(network.new_account())
        error = cli.json(*closed).error
        assert (error["exit_code"], "has not permitted" in error["message"]) == (13, True)
        assert cli.sent == []
    acting_for(cli, network, owner, "--type", "STORE", "--type", "PROGRAM")  # nothing of FORGET
    assert cli.json(*closed).result["item_hash"] == preview
    assert network.status(preview) == "forgotten"
    cli.use(network.new_account())
    assert cli.json(*closed).result["item_hash"] == ""  # a fork's key as well: there is nothing to be permitted


def test_domains_are_permitted_and_told_before_anything_is_signed(cli, network, make_project):
    owner = network.new_account()
    project = make_project({"main.py": APP})
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f'address = "{owner.address}"\ndomains = ["shop.example.org"]\n')
    said = ("--project", project, "--yes", "--no-smoke")
    acting = ("--address", owner.address)
    agent = acting_for(cli, network, owner, "--type", "STORE", "--type", "PROGRAM", "--type", "FORGET")
    assert "forget, AGGREGATE messages" in cli.json("deploy", *said).error["message"]
    made = cli.json("create", cli.app("one"), "main:app", "--updatable", *acting).result["item_hash"]
    sent = cli.sent
    cli.use(owner)
    assert cli.json("domain", "attach", "shop.example.org", made).code == 0
    cli.use(agent)
    for command in (
        ("domain", "attach", "other.example.org", made),
        ("domain", "detach", "shop.example.org", *acting),
        ("update", made, cli.app("two"), "--internet", "--replace", *acting),
        ("persist", made, *acting),
        ("delete", made, *acting),
    ):
        assert "forget, AGGREGATE messages" in cli.json(*command).error["message"], command
    assert cli.sent == sent
    cli.use(owner)
    told = cli("update", made, cli.app("two"), "--internet", "--replace", "--yes").err
    assert told.index("move to the new program: shop.example.org") < told.index("Publish a program")
    assert cli("authorization", "add", agent.address, "--deploy", "--yes").code == 0
    cli.use(agent)
    assert cli("domain", "detach", "shop.example.org", *acting, "--yes").code == 0
    assert "shop.example.org" not in cli("domain", "list", owner.address).out


def test_no_message_is_signed_that_the_owner_has_not_permitted(cli, network, tmp_path):
    owner = network.new_account()
    file = tmp_path / "file.bin"
    file.write_bytes(b"not for the network")
    acting_for(cli, network, owner, "--type", "PROGRAM")
    error = cli.json("file", "upload", file, "--address", owner.address).error
    assert "forget, STORE messages" in error["message"]
    assert forgets_signed(cli) == 0
    assert cli.sent == []


def test_what_is_held_is_told_apart_and_a_persisted_project_pays_by_credits(cli, network, make_project):
    cli.use(network.new_account(0))
    network.faucet(cli.account.address, 10**7, tokens=5000)
    project = make_project({"main.py": APP})
    said = ("--project", project)
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('updatable = true\npayment = { type = "hold" }\n')
    assert cli("deploy", *said, "--yes", "--no-smoke").code == 0
    status = cli.json("status", *said).result["status"]
    assert (status["daily"], status["days"], status["held"] > 200) == (0, None, True)
    told = cli("status", *said).out
    assert "200 ALEPH held; 4,800 ALEPH are free" in told
    assert "lasts" not in told
    # The network takes no other payment for persistent programs: the table must say so, too.
    error = cli.json("persist", *said).error
    assert ("persistent = true" in error["hint"], 'type = "credit"' in error["hint"]) == (True, True)
    there = cli.json("persist", *said, "--write").result
    assert there["forgotten"] is True
    assert cli.json("deploy", *said, "--yes", "--no-smoke").result["changed"] is False


def test_a_projects_program_is_made_persistent_whether_updatable_or_not_as_a_deployment_does(cli, make_project):
    project = make_project({"main.py": APP})
    said = ("--project", project)
    first = cli.json("deploy", *said, "--yes", "--no-smoke").result["item_hash"]
    assert "--write" in cli.json("persist", *said).error["hint"]
    there = cli.json("persist", *said, "--write").result
    assert (there["previous"], there["forgotten"]) == (first, True)
    assert "persistent = true" in (project / "pyproject.toml").read_text("utf-8")
    assert cli.json("deploy", *said, "--yes", "--no-smoke").result["changed"] is False
    # Who names it by its item hash changes a program, not what a project declares.
    assert "not updatable" in cli.json("unpersist", there["item_hash"], *said).error["message"]
    assert cli.json("unpersist", *said, "--write").result["previous"] == there["item_hash"]


def test_a_plan_says_what_deploy_refuses_for_how_it_is_paid(cli, network, make_project):
    project = make_project({"main.py": APP})
    said = ("--project", project)
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('persistent = true\npayment = { type = "hold" }\n')
    assert "refuses this. The network takes no payment by `hold`" in cli("plan", *said).err
    poor, text = network.new_account(0), (project / "pyproject.toml").read_text("utf-8")
    (project / "pyproject.toml").write_text(text.replace("payment", "# payment"), "utf-8")
    assert "refuses this" not in cli("plan", *said).err
    cli.use(poor)
    assert "refuses this. Insufficient balance" in cli("plan", *said).err


def test_a_permission_on_one_channel_serves_a_programs_whole_life_there(cli, network):
    owner = network.new_account()
    bounds = ("--type", "STORE", "--type", "PROGRAM", "--channel", "PREVIEWS")
    acting_for(cli, network, owner, *bounds)
    acting, quick = ("--address", owner.address), ("--no-smoke", "--no-health")
    elsewhere = cli.json("create", cli.app("one"), "main:app", *acting, *quick).error
    assert "channel ALEPH-CLOUDSOLUTIONS" in elsewhere["where"]
    made = cli.json(
        "create", cli.app("one"), "main:app", "--channel", "PREVIEWS", "--updatable", *acting, *quick
    ).result
    assert cli.json("update", made["item_hash"], cli.app("two"), *quick).result["item_hash"] == made["item_hash"]
    there = cli.json("persist", made["item_hash"], *quick).result
    assert there["forgotten"] is True
    assert cli.json("delete", there["item_hash"]).result["deleted_volumes"] == [made["code"]]
