from __future__ import annotations

from tests.programs.rig import ask


def test_it_is_gone_with_its_code(cli, network):
    made = cli.create()
    assert ask(made["urls"][0]) == (200, "hello")
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


APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})
"""


def test_a_closed_preview_goes_once_and_may_be_missing_from_then_on(cli, network, make_project):
    project = make_project({"main.py": APP})
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('\n[tool.aleph.profiles."pr-*"]\nmemory = 512\n')
    said = ("--project", project, "--yes")
    live = cli.json("deploy", *said, "--no-smoke").result["item_hash"]
    preview = cli.json("deploy", *said, "--no-smoke", "--profile", "pr-12").result["item_hash"]
    closed = ("delete", *said, "--missing-ok", "--profile", "pr-12")
    assert cli.json(*closed).result["item_hash"] == preview
    before = cli.sent
    begun = ("delete", preview[:12], "--missing-ok")
    for again in (closed, (*closed, "--wait"), (*closed, "--dry-run"), ("delete", preview, "--missing-ok"), begun):
        done = cli.json(*again).result
        assert (done["item_hash"], done["deleted_volumes"]) == ("", [])
    assert cli("delete", "ab" * 32, "--missing-ok").out == f"Program {'ab' * 32} was not live.\n"
    assert cli.json("delete", preview).error["exit_code"] == 13  # without it, as ever
    assert "No program begins" in cli.json("delete", "abababab", "--missing-ok").error["message"]  # nor ever did
    assert cli.sent == before
    assert network.status(live) == "processed"


def test_missing_is_not_what_cannot_be_deleted(cli, network):
    made = cli.create()
    assert cli.json("delete", made["code"], "--missing-ok").error["exit_code"] == 13  # no program
    cli.use(network.new_account())
    assert cli.json("delete", made["item_hash"], "--missing-ok").error["exit_code"] == 13  # another's
    assert cli("delete", "no hash", "--missing-ok").code == 64
    assert network.status(made["item_hash"]) == "processed"


def test_what_belongs_to_another_project_takes_a_flag(cli, make_project, network):
    answers = """
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
    """
    mine, another = make_project({"main.py": answers}), cli.folder / "another"
    made = cli.json("deploy", "--project", mine, "--yes", "--no-smoke").result
    another.mkdir()
    (another / "pyproject.toml").write_text(
        '[project]\nname = "another"\nversion = "1"\n[tool.aleph]\nentrypoint = "m:a"\n'
    )
    error = cli.json("delete", made["item_hash"], "--project", another).error
    assert "not of another" in error["message"]
    assert "--other-project" in error["hint"]
    assert network.status(made["item_hash"]) == "processed"
    done = cli("delete", made["item_hash"], "--project", another, "--other-project", "--keep-code")
    assert done.code == 0
    assert "Forget this for ever, which saves $0.26 a day." in done.err
    assert made["item_hash"] in done.err
    assert network.status(made["item_hash"]) == "forgotten"
