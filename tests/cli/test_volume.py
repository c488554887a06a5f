"""Volumes for those without a project: published, mounted, amended, listed and deleted."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys

import pytest

from hatch_aleph.squashfs import scan, write_image
from tests.cli.test_path_volumes import PROJECT
from tests.programs.rig import ask, ask_until

READS = """
from pathlib import Path

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": Path(MOUNT, "weights.txt").read_bytes()})
"""
READS = READS.replace("MOUNT", '__import__("json").loads(__import__("os").environ.get("ALEPH_MOUNTS", "{}")).get('
                               '"/opt/model", "/opt/model")')  # fmt: skip


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.txt").write_text("one", "utf-8")
    return folder


@pytest.mark.timeout(300)
def test_from_its_first_content_to_its_end(cli, network, model):
    ref = cli.json("volume", "publish", model, "--name", "weights").result["item_hash"]
    assert cli("volume", "publish", model, "--name", "weights").out.strip() == ref  # nothing uses it yet: taken again
    assert cli.sent == ["STORE"]
    mount = ("--immutable-volume", f"mount=/opt/model,ref={ref}")
    made = cli.json("create", cli.app(**{"main.py": READS}), "main:app", *mount)
    assert not [event for event in made.events if "not tried here" in event.get("text", "")]  # tried with the volume
    assert ask(made.result["urls"][1]) == (200, "one")

    (model / "weights.txt").write_text("two", "utf-8")
    told = cli.json("volume", "publish", model, "--amend", ref)
    assert told.result["item_hash"] == ref
    assert any(made.result["item_hash"] in event.get("text", "") for event in told.events)  # what changes with it
    steps = [event["step"] for event in told.events if event.get("event") == "step"]
    assert steps.index("wait") < steps.index("stop") < steps.index("health"), told.events  # not asked into its stop
    assert ask(made.result["urls"][1]) == (200, "two")  # the first question after the command finds it

    pinned = cli.json("create", cli.app(**{"main.py": READS}), "main:app", f"{mount[0]}={mount[1]},use_latest=false")
    assert ask(pinned.result["urls"][1]) == (200, "one")
    (model / "weights.txt").write_text("three", "utf-8")
    told = cli.json("volume", "publish", model, "--amend", ref)
    texts = " ".join(event.get("text", "") for event in told.events)
    assert pinned.result["item_hash"] in texts, texts  # a host stops it as well
    assert (ask(pinned.result["urls"][1]), ask(made.result["urls"][1])) == ((200, "one"), (200, "three"))
    assert cli("delete", pinned.result["item_hash"]).code == 0

    (listed,) = cli.json("volume", "list").result["volumes"]
    assert (listed["name"], listed["ref"], listed["programs"]) == ("weights", ref, [made.result["item_hash"]])
    assert len(listed["contents"]) == 3
    assert "$" in cli("volume", "show", ref).out
    refused = cli.json("volume", "delete", ref).error
    assert (made.result["item_hash"] in refused["message"], refused["exit_code"]) == (True, 13)

    assert cli("delete", made.result["item_hash"]).code == 0
    assert cli.json("volume", "delete", ref).result["forgotten"] == listed["contents"]
    assert network.status(ref) == "forgotten"
    assert "no volume" in cli("volume", "list").out


def test_what_is_no_volume_is_said_before_anything_is_sent(cli, model):
    made = cli.create()
    sent = cli.sent
    for arguments, told in (
        (("publish", model / "nowhere"), "no such folder"),
        (("publish", model, "--amend", "ab" * 32), "no live volume"),
        (("show", made["item_hash"]), "a PROGRAM"),
        (("delete", "ab" * 32), "unknown"),
    ):
        done = cli("volume", *arguments)
        assert done.code not in (0, 1), done.err
        assert told in done.err
    (model / "id_rsa").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n", "utf-8")
    assert "id_rsa" in cli("volume", "publish", model).err
    assert cli.sent == sent


def test_the_beginning_of_its_hash_will_do(cli, model):
    ref = cli.json("volume", "publish", model).result["item_hash"]
    assert cli.json("volume", "show", ref[:8]).result["ref"] == ref
    (model / "weights.txt").write_text("two", "utf-8")
    assert cli.json("volume", "publish", model, "--amend", ref[:9]).result["item_hash"] == ref
    assert len(cli.json("volume", "show", f"{ref[:12]}…").result["contents"]) == 2
    sent = cli.sent
    assert "volume list" in cli.json("volume", "show", "0" * 12).error["hint"]
    assert cli.sent == sent
    assert cli.json("volume", "delete", ref[:10], "--yes").result["item_hash"] == ref


def test_another_owners_volume_stays(cli, network, model):
    ref = cli.json("volume", "publish", model).result["item_hash"]
    cli.use(network.new_account())
    assert "belongs to" in cli("volume", "delete", ref).err
    assert "belongs to" in cli("volume", "publish", model, "--amend", ref).err
    assert network.status(ref) == "processed"


@contextlib.contextmanager
def serving(*arguments):
    """Serve until the end of the block, and give the URL."""
    command = [sys.executable, "-m", "hatch_aleph", "serve", "--port", "0", "--json", *map(str, arguments)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        events = (json.loads(line) for line in server.stdout)
        yield next(event["url"] for event in events if event["event"] == "ready")
    finally:
        server.terminate()
        server.communicate(timeout=30)


@pytest.mark.timeout(300)
def test_serve_mounts_the_volumes_of_a_node(cli, network, model, tmp_path):
    ref = cli.json("volume", "publish", model).result["item_hash"]
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT.replace('path = "../model"', f'ref = "{ref}"'), "utf-8")
    (project / "main.py").write_text(READS, "utf-8")
    with serving("--project", project, "--node", network.url) as url:
        assert ask(url) == (200, "one")
    (model / "weights.txt").write_text("two", "utf-8")
    assert cli("volume", "publish", model, "--amend", ref).code == 0
    with serving("--project", project, "--node", network.url) as url:
        assert ask(url) == (200, "two")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("form", ["folder", "file", "image"])
def test_serve_mounts_a_path(cli, network, model, tmp_path, form):
    path = {"folder": model, "file": model / "weights.txt", "image": tmp_path / "model.squashfs"}[form]
    if form == "image":
        write_image(scan(model), path)
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT.replace("../model", f"../{path.relative_to(tmp_path)}"), "utf-8")
    (project / "main.py").write_text(READS, "utf-8")
    with serving("--project", project) as url:
        assert ask(url) == (200, "one")
    first = cli.json("deploy", "--project", project, "--yes", "--no-smoke").result
    assert ask(first["urls"][0]) == (200, "one")
    (model / "weights.txt").write_text("two", "utf-8")
    if form == "image":
        write_image(scan(model), path)
    again = cli.json("deploy", "--project", project, "--yes", "--no-smoke").result  # amended like packages
    assert (again["item_hash"], ask_until(first["urls"][0], "two")) == (first["item_hash"], "two")


def test_a_volume_is_mounted_by_the_beginning_of_its_hash(cli):
    ref = cli.json("volume", "publish", cli.app("y")).result["item_hash"]
    quick = ("--no-smoke", "--no-health", "--updatable")
    for text in (ref[:8], f"{ref[:12].upper()}\N{HORIZONTAL ELLIPSIS}"):
        mount = f"--immutable-volume=mount=/opt/model,ref={text}"
        made = cli.json("create", cli.app("x"), "main:app", mount, *quick).result["item_hash"]
        assert cli.network.content(made)["volumes"][0]["ref"] == ref
    other = f"--immutable-volume=mount=/opt/other,ref={ref[:10]}"
    there = cli.json("update", made, "--replace", other, "--no-smoke", "--no-health").result["item_hash"]
    assert cli.network.content(there)["volumes"][0]["ref"] == ref
    for text, code in (("0" * 12, 13), ("0" * 7, 64), ("model", 64)):
        mount = f"--immutable-volume=mount=/opt/model,ref={text}"
        assert cli.json("create", cli.app("x"), "main:app", mount, *quick).error["exit_code"] == code
