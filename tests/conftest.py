"""What many tests need: small projects, small disks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
# Whole ways through processes of their own, minutes each, in which the Python of the tests hardly matters.
ON_ONE_PYTHON = frozenset(
    {
        "tests/deploy/test_crash_matrix.py",
        "tests/deploy/test_overlap.py",
        "tests/documentation/test_pages.py",
        "tests/plugin/test_hatch.py",
        "tests/programs/test_cuts.py",
        "tests/seams/test_worked_plugin.py",
        "tests/secrets/test_secrets.py",
        "tests/trust/test_lying_node.py",
        "tests/trust/test_other_nodes.py",
        "tests/whole/test_examples.py",
        "tests/whole/test_small_projects.py",
    }
)

MINIMAL = """
[project]
name = "my-api"
version = "1.0"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.aleph]
entrypoint = "main:app"
"""


_resolved = socket.getaddrinfo


def _as_curl_resolves(host: str | bytes | None, *arguments: object, **options: object) -> object:
    """Resolve names below ``localhost`` as curl and browsers do, for what the tests ask themselves."""
    here = isinstance(host, str) and host.endswith(".localhost")
    return _resolved("localhost" if here else host, *arguments, **options)  # type: ignore[arg-type]


socket.getaddrinfo = _as_curl_resolves  # type: ignore[assignment]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--brief", action="store_true", help="Leave out the long tests that need run on one Python alone.")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    brief = config.getoption("--brief") and collection_path.is_relative_to(ROOT)
    return True if brief and collection_path.relative_to(ROOT).as_posix() in ON_ONE_PYTHON else None


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Path]:
    """Write a project folder from {path: text}; a pyproject.toml for a plain main.py unless one is given."""

    def make(files: dict[str, str] | None = None, *, name: str = "project") -> Path:
        root = tmp_path / name
        content = {"pyproject.toml": MINIMAL, "main.py": "async def app(scope, receive, send): ...\n", **(files or {})}
        for path, text in content.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text), "utf-8")
        return root

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str, int], Path]]:
    """Mount a file system of some KiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    mounted: list[Path] = []

    def mount(name: str, kib: int) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", folder], check=False)
        if done.returncode:
            pytest.skip("mounts are not allowed here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)
