"""What deployments of a project with large packages send up: all of it once, then what changed, then nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.deploy.conftest import new_account
from tests.deploy.crash.proxy import Proxy
from tests.deploy.rig import NodeHost, RunningNode

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAVY = ["fastapi", "pandas", "scikit-learn", "pillow", "sqlalchemy[asyncio]", "cryptography"]
PROJECT = f"""
[project]
name = "heavy"
version = "1.0"
requires-python = ">=3.11"
dependencies = {json.dumps(HEAVY)}
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[tool.aleph]
entrypoint = "main:app"
"""
APP = """from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def hello():
    return "{greeting}"
"""


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    node = RunningNode(tmp_path / "node")
    proxy = Proxy(node.url, NodeHost(node))
    yield proxy
    proxy.close()
    node.stop()


@pytest.mark.slow
@pytest.mark.index
@pytest.mark.timeout(900)
def test_a_code_change_beside_large_packages_sends_less_than_a_hundredth(
    tmp_path: Path, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    account: Any = new_account(proxy.host.node, 10**12)
    (tmp_path / "key").write_bytes(bytes(account._sdk_account.private_key))

    def deploy(project: Path, cache: str) -> tuple[dict[str, Any], int]:
        proxy.arm(None)
        command = [sys.executable, "-m", "hatch_aleph", "deploy", "--project", project, "--yes", "--no-smoke", "--json"]
        command += ["--node", proxy.url, "--host-url", proxy.url, "--private-key-file", tmp_path / "key"]
        environ = {**os.environ, "HATCH_ALEPH_CACHE": str(tmp_path / cache)}
        root = Path(__file__).parents[2]
        done = subprocess.run(
            [str(part) for part in command], env=environ, cwd=root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1]), proxy.sent_up

    def write(greeting: str) -> Path:
        project = tmp_path / "project"
        project.mkdir(exist_ok=True)
        (project / "pyproject.toml").write_text(PROJECT)
        (project / "main.py").write_text(APP.format(greeting=greeting))
        return project

    result, first = deploy(write("hello"), "cache")
    assert result["changed"]
    result, changed = deploy(write("hello again"), "cache")
    assert [message["type"] for message in result["messages"]] == ["STORE"]

    # Another machine: a fresh clone, nothing cached, nothing known.
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("pyproject.toml", "main.py"):
        shutil.copy(tmp_path / "project" / name, clone)
    result, elsewhere = deploy(clone, "empty-cache")
    sent = [request for request in proxy.requests if request.startswith("POST")]
    assert (result["changed"], result["messages"], elsewhere, sent) == (False, [], 0, [])
    with capsys.disabled():
        share = 100 * changed / first
        sys.stdout.write(f"\nbytes sent up: first {first:,}, changed code {changed:,} ({share:.4f} %), elsewhere 0\n")
    assert changed <= first / 100
