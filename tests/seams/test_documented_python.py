"""Every documented example in Python runs, from the top of its page to the bottom."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from hatch_aleph.waiting import Backoff, Waiter
from tests.programs.rig import RunningNetwork, write_app
from tests.seams.documents import examples

PYPROJECT = '[project]\nname = "shop"\nversion = "1.0"\n\n[tool.aleph]\nentrypoint = "main:app"\nbytecode = false\n'
PAGES = sorted({example.place.split(":")[0] for example in examples("python")})
# Pages whose examples are files of a project that another test installs or deploys.
ELSEWHERE = {
    "docs/hooks.md": "tests/seams/test_worked_plugin.py",
    "docs/tutorial.md": "tests/documentation/test_pages.py",
}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    running = RunningNetwork(tmp_path_factory.mktemp("network"))
    yield running
    running.stop()


@pytest.fixture
def folder(tmp_path, monkeypatch, network):
    """A folder with all that examples name."""
    shop = write_app(tmp_path / "shop", "hello")
    (shop / "pyproject.toml").write_text(PYPROJECT, "utf-8")
    for path in ("tree/file", "src/my_api/__init__.py", "wheels/numpy/numpy.py", "wheels/pandas/pandas.py"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x = 1\n", "utf-8")
    from hatch_aleph.squashfs import Options, scan, write_segment

    (tmp_path / "cache").mkdir()
    write_segment(scan(tmp_path / "wheels/pandas"), tmp_path / "cache/pandas", Options())
    account = network.new_account()
    (tmp_path / "key").write_bytes(bytes(account._sdk_account.private_key))
    monkeypatch.setenv("ALEPH_PRIVATE_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(source: str, names: dict[str, object]) -> None:
    """Run a block, which may await at its top as a notebook does."""
    code = compile(source, "<example>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    made = eval(code, names)  # noqa: S307 - our own documentation
    if inspect.iscoroutine(made):
        asyncio.run(made)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "page", [page for page in PAGES if not page.startswith("docs/guides/") and page not in ELSEWHERE]
)
def test_every_documented_example_runs(page, folder, network):
    names: dict[str, object] = {"Path": Path}
    for example in examples("python"):
        if not example.place.startswith(f"{page}:"):
            continue
        text = example.text.replace("http://127.0.0.1:4021", network.url)
        if "run_app" in text:
            serve(text, folder)
            continue
        if "built(Artifact" in text:
            built(folder)
            text = text.replace('"/health"', '"/"')
        run(text, names)


def built(folder: Path) -> None:
    from hatch_aleph.api import build_artifact, load_project

    if not list((folder / "dist").glob("*.aleph.json")):
        build_artifact(load_project(folder / "shop"), folder / "dist")


def answers(port: int) -> bool | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v0/messages.json", timeout=5) as answer:
            return "messages" in json.load(answer)
    except OSError:
        return None


def serve(text: str, folder: Path) -> None:
    """Run an example that serves until it is ended, and see that it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    source = re.sub(r"port=\d+", f"port={port}", text)
    with subprocess.Popen([sys.executable, "-c", source], cwd=folder, env=environment) as process:
        try:
            assert Waiter().poll(lambda _: answers(port), 30, Backoff(first=0.1, longest=0.5))
        finally:
            process.terminate()
