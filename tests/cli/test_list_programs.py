from __future__ import annotations

import re
import subprocess
import sys


def test_as_json(cli):
    made = cli.create()
    listed = cli.json("list").result
    assert [(each["name"], each["item_hash"], each["status"]) for each in listed["programs"]] == [
        ("app", made["item_hash"], "processed")
    ]
    assert listed["programs"][0]["urls"] == made["urls"]


def test_what_people_see(cli):
    made = cli.create("hello", "--env-vars", "A=1", "--persistent-volume", "name=n,mount=/var/n,size_mib=7")
    (line,) = [line for line in cli("list").out.splitlines() if made["item_hash"] in line]
    assert line.split()[:4] == ["app", made["item_hash"], "on", "demand"]
    told = cli("list", "--long").out
    for expected in (
        f"1 program of {cli.account.address}",
        made["item_hash"],
        made["code"],
        " a day",
        "on demand",
        "1 vCPU, 2048 MiB",
        "/var/n: persistent, 7 MiB",
        "variables A",
        made["urls"][0],
    ):
        assert expected in told


def test_it_says_whether_all_is_well(cli):
    made = cli.create("well")
    told = cli("list").out
    (line,) = [line for line in told.splitlines() if made["item_hash"] in line]
    assert line.split()[-1] == "live"
    assert re.fullmatch(rf"1 program of {cli.account.address}, \$\d.* a day", told.splitlines()[-1])
    broken = cli.json(
        "create", cli.app("x", source="1 / 0\napp = None\n"), "main:app", "--no-smoke", "--no-health"
    ).result["item_hash"]
    told = cli("list", "--check").out
    assert re.search(rf"{made['item_hash']}.* answers 200 in \d+ ms", told)
    assert re.search(rf"{broken}.* does not start\n", told)
    assert re.search(r": it answers 5\d\d \(expected any status below 500\)", told)
    assert "2 programs of" in told.splitlines()[-1]
    assert ", 1 not well, $" in told.splitlines()[-1]
    answered = {each["item_hash"]: each["answered"] for each in cli.json("list", "--check").result["programs"]}
    assert answered == {made["item_hash"]: 200, broken: None}


def test_of_another_without_a_key(cli, monkeypatch, tmp_path):
    made = cli.create()
    address = cli.account.address
    monkeypatch.delenv("ALEPH_PRIVATE_KEY_FILE")
    monkeypatch.setenv("ALEPH_CONFIG_HOME", str(tmp_path))
    assert cli.json("list").error["exit_code"] == 8
    assert cli.json("list", "--address", address).result["programs"][0]["item_hash"] == made["item_hash"]


def test_nobody_has_nothing(cli):
    assert "has no program" in cli("list").out


# Prints the modules that a command has loaded.
LOADED = """
import sys
from hatch_aleph.cli import run
run(sys.argv[1:])
print(*(name for name, module in sys.modules.items() if module), file=sys.stderr)
"""


def test_a_list_loads_little(cli):
    cli.create()
    command = [sys.executable, "-c", LOADED, "list", "--address", cli.account.address, "--node", cli.network.url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "on demand" in done.stdout
    modules = set(done.stderr.split())
    assert not modules & {"rich", "asyncio", "pydantic", "aleph_message", "eth_account", "aiohttp"}
    ours = {name for name in modules if name.startswith("hatch_aleph")}
    assert not ours & {"hatch_aleph.settings.model", "hatch_aleph.artifact", "hatch_aleph.deploy.session"}
    assert len(ours) <= 48, sorted(ours)
