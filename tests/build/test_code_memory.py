"""A large file in the code image costs no memory of its own; ``-m slow`` builds with one."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.memory import PEAK

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.skipif(os.name == "nt", reason="needs resource")]

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "big"
version = "1"
[tool.hatch.build.targets.wheel]
packages = ["my_api"]
[tool.aleph]
entrypoint = "my_api.main:app"
"""
# Peak of the process in bytes, printed after the command line's own output.
MEASURE = f"""{PEAK}
import sys
from hatch_aleph.cli import run
code = run(sys.argv[1:])
print(peak())
sys.exit(code)
"""


def peak(folder: Path, size: int) -> int:
    package = folder / "my_api"
    package.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (package / "__init__.py").touch()
    (package / "main.py").write_text("async def app(scope, receive, send): ...\n")
    with (package / "data.bin").open("wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))
    command = [sys.executable, "-c", MEASURE, "build", "--project", folder, "--out", folder / "out"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


def test_three_hundred_megabytes_take_no_more_than_one(tmp_path: Path) -> None:
    small = peak(tmp_path / "small", 1 << 20)
    assert peak(tmp_path / "large", 300 << 20) < small + (40 << 20)
