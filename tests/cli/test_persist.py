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


PICKY = """
async def app(scope, receive, send):
    status = {"/well": 200, "/none": 404}.get(scope["path"], 500)
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})
"""


def test_a_project_is_persisted_by_what_its_settings_call_healthy(cli, make_project):
    project = make_project({"main.py": PICKY})
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('updatable = true\nhealth = { path = "/well" }\n')
    first = cli.json("deploy", "--project", project, "--yes").result["item_hash"]
    done = cli.json("persist", "--project", project, "--write").result
    assert (done["previous"], done["forgotten"]) == (first, True)
    assert cli.json("deploy", "--project", project, "--yes").result["changed"] is False


def test_a_table_of_settings_is_named_where_there_is_one(cli, make_project):
    answers_404 = cli.app("x", **{"main.py": PICKY.replace("500", "404")})
    told = cli("create", answers_404, "main:app").err
    assert "404" in told
    assert "Warning" in told
    assert "tool.aleph" not in told
    project = make_project({"main.py": PICKY.replace("500", "404")})
    assert "[tool.aleph.health]" in cli("deploy", "--project", project, "--yes", "--no-smoke").err
