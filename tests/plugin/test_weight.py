"""What an isolated build environment gets with hatch-aleph, and that it is enough to build."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.index, pytest.mark.timeout(600)]

MOST_DISTRIBUTIONS = 11 if sys.version_info < (3, 11) else 10  # tomli, until Python brought its own
MOST_BYTES = 15_000_000
PYPROJECT = """
[build-system]
requires = ["hatchling", "hatch-aleph @ file:///path/to/hatch-aleph"]
build-backend = "hatchling.build"
[project]
name = "small"
version = "1"
dependencies = ["markupsafe"]
[tool.aleph]
entrypoint = "main:app"
[tool.aleph.profiles.staging]
memory = 512
"""
# Files that installing writes, and what belongs to a distribution: as RECORD says, without what Python compiles later.
LIST = """
import importlib.metadata as m, json
print(json.dumps({
    each.name: sum(file.locate().stat().st_size for file in each.files if file.suffix != ".pyc")
    for each in m.distributions()
}))
"""


@pytest.fixture(scope="session")
def base(own_wheel, tmp_path_factory) -> Path:
    """Return the Python of an environment with hatch-aleph alone."""
    folder = tmp_path_factory.mktemp("base") / "venv"
    subprocess.run([find_uv_bin(), "venv", "-q", "--python", sys.executable, folder], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    command = [find_uv_bin(), "pip", "install", "-q", "--python", python, f"hatch-aleph @ {own_wheel}"]
    subprocess.run(command, check=True)
    return python


def run(python: Path, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, *arguments], check=False, capture_output=True, text=True, cwd=folder)


def test_it_is_light(base: Path) -> None:
    sizes = json.loads(run(base, "-c", LIST).stdout)
    uv = sizes.pop("uv")
    total = sum(sizes.values())
    print(f"\nbeside uv ({uv / 2**20:.1f} MiB): {len(sizes)} distributions, {total / 2**20:.1f} MiB")  # noqa: T201 - `nox -s weight`
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{size / 2**20:6.2f} MiB  {name}")  # noqa: T201 - as above
    assert len(sizes) <= MOST_DISTRIBUTIONS
    assert total <= MOST_BYTES


def test_it_builds(base: Path, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "main.py").write_text("async def app(scope, receive, send): ...\n")
    done = run(base, "-m", "hatchling", "build", "-t", "aleph:standard", "-t", "aleph:staging", folder=tmp_path)
    assert not done.returncode, done.stdout + done.stderr
    assert len(list((tmp_path / "dist").glob("*.aleph.json"))) == 2


def test_a_wrong_setting_is_told_there_too(base: Path, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT.replace("memory = 512", "memory = 5120000"))
    (tmp_path / "main.py").write_text("async def app(scope, receive, send): ...\n")
    done = run(base, "-m", "hatchling", "build", "-t", "aleph:staging", folder=tmp_path)
    assert done.returncode
    assert "memory" in done.stdout + done.stderr


def test_the_command_says_what_it_needs(base: Path) -> None:
    done = run(base, "-m", "hatch_aleph", "deploy")
    assert done.returncode == 15
    assert done.stderr.startswith("Error: hatch-aleph needs click, which is not installed (cp")
    assert "hatch-aleph[deploy]" in done.stderr
