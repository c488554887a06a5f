"""A build that would change nothing is not done; whatever matters makes it done."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build import build_artifact
from hatch_aleph.project import load_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.build.conftest import Index


def build(root: Path) -> tuple[str, int]:
    """Build, and return the code image's hash and when the manifest was written."""
    artifact = build_artifact(load_project(root), root / "dist")
    image = artifact.manifest.image("code")
    assert image is not None
    return image.sha256, artifact.path.stat().st_mtime_ns


@pytest.fixture
def root(index: Index, make_project: Callable[..., Path]) -> Path:
    made = make_project({"data.txt": "one"})
    for file in made.iterdir():  # a file of this very moment is never trusted
        os.utime(file, (time.time() - 10,) * 2)
    return made


def test_nothing_is_written_again(root: Path) -> None:
    first = build(root)
    assert build(root) == first


def test_a_file_a_lost_image_another_configuration(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(root)
    (root / "main.py").write_text("async def app(scope, receive, send): pass\n")
    second = build(root)
    assert second[0] != first[0]
    (root / "dist/my_api-1.0-code.squashfs").unlink()
    third = build(root)
    assert third[0] == second[0]
    assert third[1] > second[1]
    monkeypatch.setenv("UV_INDEX_STRATEGY", "first-index")
    assert build(root)[1] > third[1]


def test_a_changed_image_is_made_again(root: Path) -> None:
    first = build(root)
    image = root / "dist/my_api-1.0-code.squashfs"
    image.write_bytes(image.read_bytes() + b"\0")
    assert build(root)[0] == first[0]
    assert len(image.read_bytes()) % 4096 == 0


@pytest.mark.parametrize(
    "table",
    [
        '[tool.hatch.build.hooks.custom]\npath = "hook.py"\n',
        '[tool.hatch.build.targets.wheel.force-include]\n"../elsewhere.txt" = "elsewhere.txt"\n',
    ],
)
def test_what_cannot_be_judged_is_built(root: Path, table: str) -> None:
    (root.parent / "elsewhere.txt").write_text("x")
    (root / "hook.py").write_text(
        "from hatchling.builders.hooks.plugin.interface import BuildHookInterface\n"
        "class Hook(BuildHookInterface):\n    pass\n"
    )
    file = root / "pyproject.toml"
    file.write_text(file.read_text() + table)
    for each in root.iterdir():
        os.utime(each, (time.time() - 10,) * 2)
    first = build(root)
    assert build(root)[1] > first[1]


def test_a_link_to_a_folder_is_not_judged(root: Path) -> None:
    (root.parent / "outside").mkdir()
    (root / "linked").symlink_to(root.parent / "outside")
    first = build(root)
    assert build(root)[1] > first[1]
