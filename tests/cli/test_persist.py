from __future__ import annotations

import pytest

from tests.programs.rig import ask


@pytest.mark.parametrize(("there", "back"), [("persist", "unpersist"), ("persistent", "unpersistent")])
def test_there_and_back(cli, network, there, back):
    made = cli.create("kept", "--updatable")
    done = cli.json(there, made["item_hash"], "--print-message").result
    assert [each["type"] for each in done["messages"]] == ["PROGRAM", "FORGET"]
    assert network.content(done["item_hash"])["on"]["persistent"] is True
    assert ask(done["urls"][0]) == (200, "kept")
    told = cli(back, done["item_hash"], "--keep-prev").out
    assert "is on demand" in told
    assert "(kept)" in told


def test_already_so_and_not_allowed(cli):
    made = cli.create()
    assert "already; nothing was sent" in cli("unpersist", made["item_hash"]).out
    assert cli.json("persist", made["item_hash"]).error["exit_code"] == 13
    assert cli.sent == ["STORE", "PROGRAM"]


def test_data_is_lost_only_if_that_is_said(cli):
    made = cli.create("x", "--updatable", "--persistent-volume", "name=n,mount=/var/n,size_mib=7")
    assert "Data would be lost" in cli.json("persist", made["item_hash"]).error["message"]
    assert cli.json("persist", made["item_hash"], "--yes").result["forgotten"] is True
