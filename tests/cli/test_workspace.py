"""A workspace of several programs: one plan, one question, one report; one that fails holds up no other."""

from __future__ import annotations

import pytest

from tests.programs.rig import ask

PYPROJECT = """
[project]
name = "ws-NAME"
version = "1"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.aleph]
entrypoint = "main:app"
bytecode = false
"""
APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"NAME"})
"""


def write(root, *names):
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "pyproject.toml").write_text(PYPROJECT.replace("NAME", name), "utf-8")
        (root / name / "main.py").write_text(APP.replace("NAME", name), "utf-8")
    return root


@pytest.mark.timeout(300)
def test_side_by_side_with_one_question_and_one_report(cli, tmp_path):
    root = write(tmp_path / "ws", "one", "two")
    (root / "node_modules" / "three").mkdir(parents=True)
    (root / "node_modules" / "three" / "pyproject.toml").write_text("[tool.aleph]\n", "utf-8")
    assert "--yes" in cli("deploy", "--all", "--project", root).err  # one question, which a pipe cannot answer
    assert cli.sent == []
    shown = cli("deploy", "--all", "--project", root, "--dry-run").out
    assert "Together: 2 of 2 change; $0.53 a day (+$0.53)" in shown
    assert cli.sent == []

    done = cli.json("deploy", "--all", "--project", root, "--yes")
    projects = done.result["projects"]
    assert [(each["project"], each["changed"]) for each in projects] == [("one", True), ("two", True)]
    assert {event["project"] for event in done.events if event["event"] == "step"} == {"one", "two"}
    assert [ask(each["urls"][0])[1] for each in projects] == ["one", "two"]
    phases = cli.json("report", "--project", root / "one", "--no-imports").result["timeline"]["phases"]
    assert "first answer" in {phase["name"] for phase in phases}
    again = cli("deploy", "--all", "--project", root, "--yes")
    assert "nothing was sent" in again.out

    (root / "two" / "main.py").write_text(f"{APP}raise SystemExit\n", "utf-8")
    (root / "one" / "main.py").write_text(APP.replace("NAME", "first"), "utf-8")
    broken = cli("deploy", "--all", "--project", root, "--yes")
    assert broken.code == 12
    assert "1 deployed, 0 unchanged, 1 failed" in broken.out
    assert ask(projects[0]["urls"][0])[1] == "first"
    assert ask(projects[1]["urls"][0])[1] == "two"


def test_what_cannot_be_is_told_before_anything_is_sent(cli, tmp_path):
    root = write(tmp_path / "ws", "one", "two")
    (root / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["*"]\nexclude = ["two"]\n', "utf-8")
    assert "1 of 1 change" in cli("deploy", "--all", "--project", root, "--dry-run").out
    (root / "two" / "pyproject.toml").write_text(PYPROJECT.replace("NAME", "one"), "utf-8")
    (root / "pyproject.toml").unlink()
    assert "name of one" in cli.json("deploy", "--all", "--project", root, "--yes").error["message"]
    (root / "two" / "pyproject.toml").write_text(PYPROJECT.replace("NAME", "two").replace("main:", "none:"), "utf-8")
    refused = cli.json("deploy", "--all", "--project", root, "--yes").error
    assert "two" in refused["where"]
    (root / "two" / "pyproject.toml").write_text(PYPROJECT.replace("NAME", "two"), "utf-8")
    cli.network.faucet(cli.account.address, -(10**9) + 300_000)  # does for one alone
    assert "for a day of all" in cli.json("deploy", "--all", "--project", root, "--yes").error["message"]
    assert "no project" in cli("deploy", "--all", "--project", tmp_path / "ws" / "one" / "nothing").err.lower()
    assert cli("deploy", "--all", "--plan", "x").code == 64
    assert cli.sent == []


def test_a_file_that_is_a_secret_stops_a_plan_too_unless_none_is_looked_for(cli, tmp_path):
    root = write(tmp_path / "ws", "one")
    project = root / "one" / "pyproject.toml"
    project.write_text(
        project.read_text("utf-8") + '[tool.hatch.build.targets.wheel]\ninclude = ["main.py", "a.key"]\n'
    )
    (root / "one" / "a.key").write_text("text")
    for each in (("--all", "--project", root), ("--project", root / "one")):
        refused = cli("deploy", *each, "--dry-run")
        assert "a.key" in refused.err
        assert refused.code
        assert not cli("deploy", *each, "--dry-run", "--no-secret-scan").code
    assert cli.sent == []
