from __future__ import annotations

from tests.programs.rig import ask, ask_until


def test_new_code_in_place(cli):
    made = cli.create("old")
    assert ask(made["urls"][0]) == (200, "old")  # it runs when it is updated
    done = cli.json("update", made["item_hash"], cli.app("new"), "--print-message").result
    assert (done["item_hash"], done["unchanged"]) == (made["item_hash"], False)
    assert [each["type"] for each in done["messages"]] == ["STORE"]
    assert ask(made["urls"][0]) == (200, "new")


def test_what_people_see(cli):
    made = cli.create("old")
    told = cli("update", made["item_hash"], cli.app("new")).out
    assert "has its new code" in told
    assert "Nothing has changed" in cli("update", made["item_hash"], cli.app("new")).out
    assert cli("update", made["item_hash"], cli.app("newer"), "--no-verbose").out.strip() == made["item_hash"]


def test_a_long_search_for_secrets_is_named(cli):
    """Else the last line would name the node as what is waited for."""
    made = cli.json("create", cli.app("old"), "main:app")
    for done in (
        made,
        cli.json("update", made.result["item_hash"], cli.app("new")),
        cli.json("volume", "publish", cli.app("new")),
    ):
        assert [each["event"] for each in done.events if each.get("step") == "scan"] == ["step", "done"]


def test_other_options_make_a_program_that_takes_over(cli, network):
    made = cli.create("same", "--updatable")
    done = cli.json("update", made["item_hash"], "--memory", 1024, "--internet", "--replace").result
    content = network.content(done["item_hash"])
    assert (content["resources"]["memory"], content["environment"]["internet"]) == (1024, True)
    assert (done["previous"], network.status(made["item_hash"])) == (made["item_hash"], "forgotten")
    assert ask_until(done["urls"][0], "same") == "same"


def test_nothing_to_do_and_not_allowed(cli):
    made = cli.create()
    assert cli.json("update", made["item_hash"]).error["exit_code"] == 64
    assert "not updatable" in cli.json("update", made["item_hash"], "--memory", 1024).error["message"]
    assert "no such program" in cli.json("update", "ab" * 32, cli.app()).error["message"]
    assert cli.sent == ["STORE", "PROGRAM"]
