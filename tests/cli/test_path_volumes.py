"""A volume that is made of a path is packed, tried, pinned, amended, put back and deleted with its program."""

from __future__ import annotations

import pytest

from tests.programs.rig import ask, ask_until

PROJECT = """
[project]
name = "shop"
version = "1"

[tool.aleph]
entrypoint = "main:app"
bytecode = false

[[tool.aleph.volumes.immutable]]
path = "../model"
mount = "/opt/model"
"""
APP = """
import os
from pathlib import Path

async def app(scope, receive, send):
    root = json.loads(os.environ.get("ALEPH_MOUNTS", "{}")).get("/opt/model", "/opt/model")
    body = Path(root, "weights.txt").read_bytes()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


@pytest.fixture
def project(tmp_path):
    folder, model = tmp_path / "project", tmp_path / "model"
    folder.mkdir()
    model.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT, "utf-8")
    (folder / "main.py").write_text("import json\n" + APP, "utf-8")
    (model / "weights.txt").write_text("one", "utf-8")
    return folder


@pytest.mark.timeout(600)
def test_from_the_first_deployment_to_the_end(cli, network, project):
    said = ("--project", project)
    first = cli.json("deploy", *said, "--yes").result  # with a smoke test
    assert ask(first["urls"][0]) == (200, "one")
    content = network.content(first["item_hash"])
    assert [volume["mount"] for volume in content["volumes"]] == ["/opt/model"]
    assert cli.json("plan", *said, "--detailed-exitcode").code == 0

    (project.parent / "model" / "weights.txt").write_text("two", "utf-8")
    plan = cli.json("plan", *said, "--detailed-exitcode")
    steps = next(event for event in plan.events if event["event"] == "result")["plan"]["images"]
    assert {step["role"]: step["action"] for step in steps} == {"code": "unchanged", "volume:/opt/model": "amend"}
    again = cli.json("deploy", *said, "--yes", "--no-smoke").result
    assert again["item_hash"] == first["item_hash"]
    assert ask_until(first["urls"][0], "two") == "two"

    assert cli.json("rollback", *said, "--yes").code == 0
    assert ask_until(first["urls"][0], "one") == "one"
    assert cli.json("delete", *said, "--yes").code == 0
    left = [item for kind, item in network.sent(cli.account.address) if kind in ("STORE", "PROGRAM")]
    assert {network.status(item) for item in left} == {"forgotten"}


def test_a_program_without_a_project_has_no_such_volumes(cli):
    done = cli.json("create", cli.app(), "main:app", "--immutable-volume", "mount=/opt/model,path=model")
    assert "--immutable-volume[0].path: only a project publishes volumes" in done.error["message"]
