from __future__ import annotations


def test_it_is_gone_with_its_code(cli, network):
    made = cli.create()
    done = cli.json("delete", made["item_hash"], "--reason", "over", "--print-message").result
    assert (done["deleted_volumes"], done["kept_volumes"]) == ([made["code"]], [])
    assert done["messages"][0]["content"]["reason"] == "over"
    assert [network.status(made[name]) for name in ("item_hash", "code")] == ["forgotten"] * 2


def test_what_people_see(cli, network):
    made = cli.create()
    told = cli("delete", made["item_hash"], "--keep-code").out
    assert told == f"Program {made['item_hash']} is deleted.\n"
    assert network.status(made["code"]) == "processed"
    quiet = cli.create("other")
    assert cli("delete", quiet["item_hash"], "--no-verbose").out.strip() == quiet["item_hash"]


def test_it_fails_when_there_is_nothing_to_delete(cli, network):
    made = cli.create()
    assert cli("delete", made["item_hash"]).code == 0
    assert cli.json("delete", made["item_hash"]).error["exit_code"] == 13
    cli.use(network.new_account())
    assert "no such program" in cli.json("delete", "ab" * 32).error["message"]


def test_a_preview_that_was_never_deployed_may_be_missing(cli, make_project):
    root = str(make_project())
    assert cli("delete", "--project", root, "--yes").code == 13
    done = cli("delete", "--project", root, "--yes", "--missing-ok")
    assert (done.code, done.out) == (0, "Nothing of this project was live.\n")
