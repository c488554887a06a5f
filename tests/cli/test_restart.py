"""The owner stops and restarts a program on its host."""

from hatch_aleph.network.hosts import HostClient
from hatch_aleph.waiting import Backoff, Waiter
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


def test_a_persistent_program_that_runs_again_at_once_is_not_waited_for_as_what_was_stopped(cli, network, monkeypatch):
    made = cli.json("create", cli.app(), "main:app", "--persistent", "--no-smoke").result
    stop = HostClient.stop

    def stop_slowly(host, item_hash, account):
        ran = stop(host, item_hash, account)
        look = lambda _left: network.get("/v2/about/executions/list").get(item_hash, {}).get("running") or None  # noqa: E731
        assert Waiter().poll(look, 20, Backoff(0.05, 0.2))
        return ran

    monkeypatch.setattr(HostClient, "stop", stop_slowly)
    done = cli("restart", made["item_hash"])
    assert done.code == 0, done.err
    assert "until the scheduler has started" in done.err
    assert "until the host has stopped" not in done.err
