"""Named nodes and addresses, and sizes in words: each good wherever its kind is taken."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hatch_aleph.cli.list_programs import fitted
from hatch_aleph.cli.program_values import machine, mebibytes


def test_named_nodes(cli, network, monkeypatch):
    monkeypatch.delenv("ALEPH_API_HOST")
    assert cli.json("node", "list").result["chosen"] is None
    assert cli.json("node", "add", "here", f"{network.url}/").result == {
        "event": "result",
        "name": "here",
        "url": network.url,
    }
    assert cli.json("account", "balance", "--node", "here").result["credits"] == 10**9
    assert cli("node", "use", "here").code == 0
    assert cli.json("account", "balance").result["credits"] == 10**9
    assert f"* here  {network.url}" in cli("node", "list").out
    error = cli.json("account", "balance", "--node", "there").error
    assert error["exit_code"] == 64
    assert "No node has the name there" in error["message"]
    assert "here" in error["message"]
    assert cli.json("node", "add", "localhost", network.url).error["exit_code"] == 64
    assert "password" in cli.json("node", "add", "secret", "https://me:pass@node.example").error["message"]
    assert cli("node", "remove", "here").code == 0
    assert cli.json("node", "list").result == {"event": "result", "nodes": {}, "local": None, "chosen": None}


def test_a_node_that_is_said_wins_over_the_chosen_one(cli, network, monkeypatch):
    cli("node", "add", "nowhere", "http://127.0.0.1:9")
    cli("node", "use", "nowhere")
    assert cli.json("account", "balance").result  # by ALEPH_API_HOST
    monkeypatch.delenv("ALEPH_API_HOST")
    assert cli.json("account", "balance", "--node", network.url).result


def test_named_addresses(cli):
    other = cli.network.new_account(5)
    assert cli("alias", "add", "team", other.address).code == 0
    assert cli.json("account", "balance", "team").result["credits"] == 5
    assert cli.json("list", "--address", "team").result["address"] == other.address
    assert cli.json("alias", "list").result["aliases"] == {"team": other.address}
    assert cli("alias", "remove", "team").code == 0
    assert "No address has the name team" in cli.json("account", "balance", "team").error["message"]
    assert cli.json("alias", "add", "0x12", other.address).error["exit_code"] == 64


@pytest.mark.parametrize("damage", ["{", "[]", '{"nodes": {"a": 1}}', '{"unknown": 1}', '{"accounts": {"a": 1}}'])
def test_a_damaged_file_of_names_is_one_error(cli, damage):
    file = Path(os.environ["HATCH_ALEPH_CONFIG"]) / "names.json"
    file.parent.mkdir(parents=True)
    file.write_text(damage)
    error = cli.json("node", "list").error
    assert (error["exit_code"], error["where"]) == (64, str(file))
    assert file.read_text() == damage


def test_names_are_readable_by_their_owner_alone(cli):
    cli("node", "add", "a", "https://node.example")
    file = Path(os.environ["HATCH_ALEPH_CONFIG"]) / "names.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["nodes"] == {"a": "https://node.example"}


def test_sizes():
    sizes = ["2048", "2GB", "2 gib", "512mb", "512M", "2g", "two", "2TB", "-1", ""]
    assert [mebibytes(text) for text in sizes] == [2048, 2048, 2048, 512, 512, 2048, None, None, None, None]
    assert [machine(text) for text in ["1vcpu-2gb", "4VCPUS-8GiB", "1-2", "1vcpu", "2gb"]] == [
        (1, 2048),
        (4, 8192),
        None,
        None,
        None,
    ]


def test_sizes_of_programs(cli, network):
    volume = "name=data,mount=/var/data,size_mib=1GB"
    made = cli.create("sized", "--size", "2vcpu-4gb", "--persistent-volume", volume)
    content = network.content(made["item_hash"])
    assert (content["resources"]["vcpus"], content["resources"]["memory"]) == (2, 4096)
    assert content["volumes"][0]["size_mib"] == 1024
    wrong = cli.json("create", cli.app(), "main:app", "--size", "1vcpu-2gb", "--memory", "2GB").error
    assert (wrong["exit_code"], "excludes" in wrong["message"]) == (64, True)
    assert cli.json("create", cli.app(), "main:app", "--memory", "much").error["exit_code"] == 64


def test_a_line_a_program_whatever_the_terminal_has():
    columns = ("name", "item hash", "runs", "cost", "state")
    rows = [("a-rather-long-name-of-a-program", "ab" * 32, "on demand", "$0.26 a day", "superseded")]
    assert fitted(rows, columns, 200) == rows
    for width in (80, 100):
        (row,) = fitted(rows, columns, width)
        assert sum(map(len, row)) + 2 * len(columns) <= width
        assert row[1] == "abababababab…"
    assert fitted(rows, columns, 100)[0][0] == "a-rather-long-name-of-a-program"


def test_urls_that_are_listed_are_those_of_the_host_that_is_named(cli, monkeypatch):
    made = cli.create("listed")
    monkeypatch.setenv("ALEPH_HOST_URL", "https://crn.example.org")
    urls = [each["urls"] for each in cli.json("list").result["programs"] if each["item_hash"] == made["item_hash"]]
    assert urls == [[f"https://crn.example.org/vm/{made['item_hash']}"]]


APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})
"""
TAKING = ["list --address", "account balance", "credits history", "volume list", "file list --address", "domain list"]


@pytest.mark.parametrize("command", TAKING)
def test_a_mistyped_address_is_no_empty_one(cli, command):
    address = cli.account.address
    at = next(i for i, letter in enumerate(address) if letter.isalpha() and i > 1)
    for wrong in (address[:at] + address[at].swapcase() + address[at + 1 :], address[:-1]):
        error = cli.json(*command.split(), wrong).error
        assert error["exit_code"] == 64, error
        assert "address" in error["message"] or "mistyped" in error["message"]


def test_an_address_in_small_letters_is_the_same_one(cli, make_project):
    made = cli.create("there")["item_hash"]
    small = cli.account.address.lower()
    for spelling in (small, f"0x{small[2:].upper()}"):
        found = cli.json("list", "--address", spelling).result["programs"]
        assert [each["item_hash"] for each in found] == [made]
    project = make_project({"main.py": APP})
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f'address = "{small}"\n')
    said = ("--project", project, "--yes", "--no-smoke")
    deployed = cli.json("deploy", *said).result["item_hash"]
    assert cli.network.content(deployed)["address"] == cli.account.address
    address, text = cli.account.address, (project / "pyproject.toml").read_text("utf-8")
    at = next(i for i, letter in enumerate(address) if letter.isalpha() and i > 1)
    wrong = address[:at] + address[at].swapcase() + address[at + 1 :]
    (project / "pyproject.toml").write_text(text.replace(small, wrong), "utf-8")
    assert "mistyped" in cli.json("plan", "--project", project).error["message"]
