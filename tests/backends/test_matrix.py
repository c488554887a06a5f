"""The code image holds exactly what `uv build --wheel` of the same tree holds, whatever the backend and the layout."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from hatch_aleph import interpreters, runtimes
from hatch_aleph.build.code import build_code
from hatch_aleph.build.context import BuildContext
from hatch_aleph.build.packages import PackagesResult
from hatch_aleph.project import load_project
from hatch_aleph.squashfs import unpack
from tests.backends.projects import cells, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.index, pytest.mark.slow]
# Not the same bytes twice: a compiler writes where it stood.
_COMPILED = (".so", "bin/demo-tool", "RECORD", ".cyclonedx.json")


def reference(root: Path, folder: Path) -> dict[str, bytes]:
    """Return what installing the wheel of `uv build --wheel` writes."""
    found = interpreters.find(runtimes.DEFAULT.python)
    assert found
    command = [
        find_uv_bin(),
        "build",
        "--wheel",
        "--quiet",
        "--python",
        str(found.path),
        "--out-dir",
        str(folder),
        str(root),
    ]
    subprocess.run(command, check=True)
    files = {}
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        for item in archive.infolist():
            path = PurePosixPath(item.filename)
            if path.parts[0].endswith(".data"):
                path = PurePosixPath("bin" if path.parts[1] == "scripts" else "", *path.parts[2:])
            if not item.is_dir():
                files[str(path)] = archive.read(item)
    return files


def image(root: Path, folder: Path) -> dict[str, bytes]:
    """Return what the code image holds of the project."""
    project = load_project(root)
    assert [each.partition(">")[0] for each in project.dependencies] == ["idna"]
    context = BuildContext(project, folder)
    folder.mkdir()
    made = build_code(context, folder, None, lambda: PackagesResult(None))
    unpack(folder / made.file, folder / "unpacked")
    assert not context.warnings
    return {
        path.relative_to(folder / "unpacked").as_posix(): path.read_bytes()
        for path in (folder / "unpacked").rglob("*")
        if path.is_file() and path.relative_to(folder / "unpacked").parts[0] != "aleph_entry"
    }


def tree(root: Path) -> dict[str, str]:
    """Return every file of a tree with its content."""
    return {
        str(path.relative_to(root)): "" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if ".git" not in path.parts and path.name != "made.txt"  # which the project's own script makes there
    }


@pytest.mark.parametrize(("backend", "layout"), list(cells()))
def test_the_image_is_the_wheel(tmp_path: Path, backend: str, layout: str) -> None:
    root = write(tmp_path / "work", backend, layout)
    assert root
    before = tree(root)
    found = image(root, tmp_path / "dist")
    assert tree(root) == before
    shutil.copytree(tmp_path / "work", tmp_path / "copy", symlinks=True)
    expected = reference(tmp_path / "copy" / root.relative_to(tmp_path / "work"), tmp_path / "wheel")
    assert found.keys() == expected.keys()
    exact = {path for path in expected if not path.endswith(_COMPILED) or not _is_compiled(expected)}
    assert {path for path in exact if found[path] != expected[path]} == set()
    assert any(path.endswith("demo/data.txt") for path in found) or backend == "uv"


def _is_compiled(files: dict[str, bytes]) -> bool:
    return any(path.endswith(_COMPILED[:2]) for path in files)


def test_the_matrix_is_whole() -> None:
    found = list(cells())
    assert len({backend for backend, _ in found}) == 18
    assert len(found) > 120
    assert "PYTHONPATH" not in os.environ
