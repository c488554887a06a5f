"""What many tests need: small projects."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
