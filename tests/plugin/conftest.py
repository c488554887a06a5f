"""Real Hatch in an isolated environment, with this checkout's wheel as the only hatch-aleph there is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
# Of the environment that runs the tests: nox's UV_PYTHON would have Hatch install into nox's own.
NOT_PASSED_ON = ("HATCH", "ALEPH", "VIRTUAL_ENV", "UV_PYTHON", "UV_PROJECT", "PYTHONPATH", "COV_")


# What stands for this checkout's wheel in the projects of these tests: never its name alone, which an index may have.
PLACE = "file:///path/to/hatch-aleph"


@pytest.fixture(scope="session")
def own_wheel(tmp_path_factory) -> str:
    """Build the wheel into a new folder, as uv remembers it by its path, and return its URL."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run([find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)], check=True)
    return next(folder.glob("*.whl")).as_uri()


def named(root: Path, own_wheel: str) -> None:
    """Put the wheel in its place in a project."""
    file = root / "pyproject.toml"
    file.write_text(file.read_text("utf-8").replace(PLACE, own_wheel), "utf-8")


@pytest.fixture(scope="session")
def hatch_home(tmp_path_factory) -> Path:
    """Return one data folder of Hatch for the session: environments are shared by tests of the same configuration."""
    return tmp_path_factory.mktemp("hatch")


@pytest.fixture
def hatch(own_wheel, hatch_home, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Hatch in a project."""

    def run(root: Path, *arguments: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED_ON)}
        named(root, own_wheel)
        environment |= {"HATCH_DATA_DIR": str(hatch_home), "NO_COLOR": "1", **variables}
        done = subprocess.run(
            [sys.executable, "-m", "hatch", *arguments],
            cwd=root,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    return run
