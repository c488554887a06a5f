"""What stands in a checkout in place of content is named, not published in silence."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from hatch_aleph.build import build_artifact
from hatch_aleph.project import load_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.build.conftest import Index

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"


def test_pointers_of_git_lfs_in_code_and_volumes(index: Index, make_project: Callable[..., Path]) -> None:
    text = """
        [project]
        name = "my-api"
        version = "1.0"
        [tool.aleph]
        entrypoint = "main:app"
        [[tool.aleph.volumes.immutable]]
        mount = "/models"
        path = "weights"
        [tool.hatch.build.targets.aleph]
        include = ["/data"]
    """
    files = {"data/a.bin": POINTER, "data/b.txt": POINTER.replace("version", "conversion"), "weights/w.bin": POINTER}
    root = make_project({"pyproject.toml": text, **files})
    made = build_artifact(load_project(root), root / "dist")
    assert [each for each in made.manifest.warnings if "LFS" in each] == [
        "pointers of Git LFS stand in place of files: data/a.bin; fetch them: git lfs pull",
        "volume /models: pointers of Git LFS stand in place of files: w.bin; fetch them: git lfs pull",
    ]


def test_submodules_that_were_not_fetched(index: Index, make_project: Callable[..., Path]) -> None:
    root = make_project(
        {"there/file": "", ".gitmodules": '[submodule "a"]\n\tpath = there\n[submodule "b"]\n\tpath=lib/b\n'}
    )
    (root / "lib/b").mkdir(parents=True)
    subprocess.run(["git", "init", "-q", root], check=True)
    made = build_artifact(load_project(root), root / "dist")
    told = [each for each in made.manifest.warnings if "submodule" in each]
    assert told == ["the submodule lib/b is empty: git submodule update --init"]
