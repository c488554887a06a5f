from __future__ import annotations

from tests.programs.rig import ask


def test_logs_of_a_program(cli, network):
    made = cli.create()
    assert cli.json("logs", made["item_hash"]).error["exit_code"] == 9
    ask(made["urls"][0] + "/seen")
    told = cli("logs", made["item_hash"], "--domain", network.url).out
    assert "> was asked for /seen" in told
    lines = cli.json("logs", made["item_hash"]).result["lines"]
    assert any(line["text"] == "was asked for /seen" for line in lines)
