"""The worked example on the page of hooks is installed as it is written, and used from every command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from hatch_aleph.squashfs import list_image
from tests.programs.rig import RunningNetwork, write_app
from tests.seams.documents import examples

PROJECT = """
[project]
name = "shop"
version = "1.0"
dynamic = []

[tool.aleph]
entrypoint = "main:app"
bytecode = false
"""


def block(language: str, mark: str) -> str:
    return next(
        each.text for each in examples(language) if each.place.startswith("docs/hooks.md:") and mark in each.text
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The plugin, installed from its own project."""
    source, target = tmp_path_factory.mktemp("acme"), tmp_path_factory.mktemp("site-packages")
    table = block("toml", "acme-aleph") + '\n[tool.hatch.build.targets.wheel]\nonly-include = ["acme_aleph.py"]\n'
    (source / "pyproject.toml").write_text(table, "utf-8")
    (source / "acme_aleph.py").write_text(block("python", "acme_aleph.py"), "utf-8")
    command = [
        "uv",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--offline",
        "--target",
        str(target),
        str(source),
    ]
    subprocess.run(command, check=True, env={**os.environ, "VIRTUAL_ENV": sys.prefix})
    return target


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    running = RunningNetwork(tmp_path_factory.mktemp("network"))
    yield running
    running.stop()


@dataclass
class Acme:
    """Runs commands in an environment that has the plugin and names no key."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, *arguments: object, code: int = 0) -> str:
        command = [sys.executable, "-m", "hatch_aleph", *map(str, arguments)]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=self.folder, env=self.environment
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def result(self, *arguments: object) -> dict[str, object]:
        lines = [json.loads(line) for line in self(*arguments, "--json").splitlines() if line.startswith("{")]
        return next(line for line in lines if line["event"] == "result")

    @property
    def record(self) -> list[tuple[str, str]]:
        """What the plugin was told since the last look."""
        file = self.folder / "record"
        lines = file.read_text("utf-8").splitlines() if file.is_file() else []
        file.unlink(missing_ok=True)
        return [(line["event"], line["command"]) for line in map(json.loads, lines)]


@pytest.fixture
def acme(installed, network, tmp_path):
    account = network.new_account()
    tools = tmp_path / "bin"
    tools.mkdir()
    store = tools / "acme-keys"
    store.write_text(f"#!/bin/sh\nprintf %s {bytes(account._sdk_account.private_key).hex()}\n", "utf-8")
    store.chmod(0o755)
    shop = write_app(tmp_path / "shop", "hello")
    (shop / "pyproject.toml").write_text(PROJECT, "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALEPH_")}
    environment |= {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(installed), str(Path(__file__).parents[2])]),
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),  # what takes long is made once
        "ALEPH_API_HOST": network.url,
        "ALEPH_STATE_FOLDER": str(tmp_path / "state"),
        "ACME_RECORD": str(shop / "record"),
    }
    return Acme(shop, environment)


@pytest.mark.timeout(600)
def test_the_plugin_takes_part_in_every_command(acme, network):
    acme("build")
    manifest = json.loads((acme.folder / "dist/shop-1.0.aleph.json").read_text("utf-8"))
    assert manifest["program"]["variables"] == {"ACME_STAGE": "live"}
    assert "build-info.json" in {member.path for member in list_image(acme.folder / "dist/shop-1.0-code.squashfs")}
    assert acme.record == []

    first = acme.result("deploy", "--yes", "--no-smoke")
    assert acme.record == [("begin", "deploy"), ("done", "deploy")]
    write_app(acme.folder, "hello again")
    assert acme.result("deploy", "--yes", "--no-smoke")["item_hash"] == first["item_hash"]
    assert acme.record == [("begin", "deploy"), ("done", "deploy")]
    acme("rollback", "--yes")
    assert acme.record == [("begin", "rollback"), ("done", "rollback")]

    pyproject = acme.folder / "pyproject.toml"
    pyproject.write_text(pyproject.read_text("utf-8") + "memory = 512\n", "utf-8")
    refused = acme("deploy", "--yes", "--no-smoke", code=13)
    assert "Acme replaces no program" in refused
    assert acme.record == []

    made = str(acme.result("create", acme.folder, "main:app", "--name", "other", "--updatable")["item_hash"])
    assert acme.record == [("begin", "create"), ("done", "create")]
    assert network.content(made)["variables"] == {"ACME_STAGE": "live"}
    write_app(acme.folder, "hello once more")
    acme("update", made, acme.folder)
    assert acme.record == [("begin", "update"), ("done", "update")]
    kept = str(acme.result("persist", made, "--other-project")["item_hash"])
    assert acme.record == [("begin", "persist"), ("done", "persist")]
    acme("delete", kept, "--other-project", "--yes")
    assert acme.record == [("begin", "delete"), ("done", "delete")]
    acme("delete", "--yes")
    assert acme.record == [("begin", "delete"), ("done", "delete")]


def test_its_runtime_is_known_to_every_command_that_checks_settings(acme):
    pyproject = acme.folder / "pyproject.toml"
    pyproject.write_text(pyproject.read_text("utf-8") + 'runtime = "acme-3.12"\n', "utf-8")
    acme("lock")
    acme("build")
    manifest = json.loads((acme.folder / "dist/shop-1.0.aleph.json").read_text("utf-8"))
    assert (manifest["runtime"]["python"], manifest["program"]["runtime"]["ref"]) == ("3.12", "ac" * 32)
    # Known to settings, and so to all that check them; its image was never published, which these two find out.
    for command in (("plan",), ("create", acme.folder, "main:app", "--runtime", "acme-3.12")):
        assert "The runtime is unknown to the network" in acme(*command, code=13)
