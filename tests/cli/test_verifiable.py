"""Verifiable programs (V-PROGRAM) of the account: named by what lists, and what they use is let go by nothing."""

from __future__ import annotations

import httpx
import pytest

from tests.local.node.support import Account
from tests.local.node.test_verifiable import verifiable


@pytest.fixture
def made(cli) -> dict[str, str]:
    """A program, and a verifiable one that names its code among its own files."""
    program = cli.create("hello")
    parts = []
    for number in range(4):
        file = cli.folder / f"part{number}"
        file.write_bytes(f"part {number} of {cli.account.address}".encode())
        parts.append(cli.json("file", "upload", file).result["item_hash"])
    runtime, data, tree, more = parts
    signer = Account.from_key(cli.key.read_bytes())
    message = verifiable(signer, [runtime, data, tree, more, program["code"]])
    sent = httpx.post(f"{cli.network.url}/api/v0/messages", json={"message": message, "sync": True})
    assert sent.status_code == 200, sent.text
    return {"program": program["item_hash"], "code": program["code"], "verifiable": message["item_hash"], "tree": tree}


def test_they_are_listed_and_never_asked(cli, made):
    listed = {each["item_hash"]: each for each in cli.json("list").result["programs"]}
    assert [listed[made[name]]["type"] for name in ("program", "verifiable")] == ["PROGRAM", "V-PROGRAM"]
    assert listed[made["verifiable"]]["price"]["payment_type"] == "credit"
    assert listed[made["verifiable"]]["urls"] == []
    assert "  verifiable  " in next(line for line in cli("list").out.splitlines() if made["verifiable"] in line)
    long = cli("list", "--long").out
    assert "verified " in long
    assert "None" not in long
    assert made["verifiable"] in cli("status", "--all").out
    checked = {each["item_hash"]: each for each in cli.json("list", "--check").result["programs"]}
    assert "answered" not in checked[made["verifiable"]]
    shown = cli.json("message", "list", "--type", "V-PROGRAM").result["messages"]
    assert [each["item_hash"] for each in shown] == [made["verifiable"]]


def test_what_they_use_stays(cli, made):
    used = {each["item_hash"]: each["used_by"] for each in cli.json("file", "list").result["files"]}
    assert used[made["tree"]] == [made["verifiable"]]
    assert set(used[made["code"]]) == {made["program"], made["verifiable"]}
    assert cli.json("status", "--all").result["status"]["unused"] == []
    assert made["verifiable"] in cli.json("file", "forget", made["tree"]).error["message"]
    cli.json("delete", made["program"])
    assert cli.network.status(made["program"]) == "forgotten"
    assert cli.network.status(made["code"]) == "processed"
    assert cli.json("message", "forget", made["verifiable"], *used).code == 0
