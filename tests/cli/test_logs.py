from __future__ import annotations

from tests.programs.rig import ask


def test_logs_of_a_program(cli, network):
    made = cli.create("hello", "--no-health")
    assert cli.json("logs", made["item_hash"]).error["exit_code"] == 9
    ask(made["urls"][0] + "/seen")
    told = cli("logs", made["item_hash"], "--domain", network.url).out
    assert "> was asked for /seen" in told
    lines = cli.json("logs", made["item_hash"]).result["lines"]
    assert any(line["text"] == "was asked for /seen" for line in lines)


def test_the_program_s_lines_stand_apart_from_the_machine_s(cli, network):
    made = cli.create()
    ask(made["urls"][0] + "/seen")
    options = (made["item_hash"], "--domain", network.url)
    told = cli("logs", *options).out.splitlines()
    assert told[0].startswith("--- ")
    assert told[0].endswith("main:app")
    whole = cli("logs", *options, "--all").out.splitlines()
    assert len(whole) > len(told)
    assert cli("logs", *options, "--tail", "1").out.splitlines() == told[-1:]
    assert "printed nothing" in cli("logs", *options, "--since", "2999").out
