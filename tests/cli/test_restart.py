"""The owner stops and restarts a program on its host."""

from tests.programs.rig import ask


def test_a_program_is_stopped_and_started_again(cli, network):
    made = cli.create()
    url = made["urls"][0] + "/"
    ask(url)
    assert cli.json("stop", made["item_hash"]).result == {
        "event": "result",
        "item_hash": made["item_hash"],
        "host": network.url,
        "ran": True,
    }
    done = cli.json("restart", made["item_hash"])
    assert done.result["url"].startswith(made["urls"][0])
    starts = [line for line in cli("logs", made["item_hash"]).out.splitlines() if line.startswith("--- ")]
    assert starts


def test_only_the_owner_may(cli, network):
    made = cli.create()
    ask(made["urls"][0] + "/")
    cli.use(network.new_account())
    assert cli.json("stop", made["item_hash"]).error["exit_code"] == 8


def test_what_is_unknown_is_told(cli):
    assert cli.json("stop", "ab" * 32).error["exit_code"] == 13
