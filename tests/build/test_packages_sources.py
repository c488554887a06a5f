"""Dependencies that lie in folders and repositories are built from what is there now, whatever their version says."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.errors import DependencyError
from tests.build.conftest import image_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.build.conftest import Index, Workshop

BACKEND = """
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "library-1.0-py3-none-any.whl"
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        wheel.writestr("library.py", open("library.txt").read())
        wheel.writestr("library-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: library\\nVersion: 1.0\\n")
        wheel.writestr("library-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("library-1.0.dist-info/RECORD", "library.py,,\\nlibrary-1.0.dist-info/METADATA,,\\n")
    return name
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "library"
version = "1.0"
"""


def library(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(PYPROJECT)


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def in_a_folder(workshop: Workshop) -> tuple[Path, Path]:
    library(workshop.folder / "library")
    source = '[tool.uv.sources]\nlibrary = { path = "../library" }\n'
    return workshop.project('"alpha", "library"', more=source), workshop.folder / "library"


def in_a_workspace(workshop: Workshop) -> tuple[Path, Path]:
    source = '[tool.uv.sources]\nlibrary = { workspace = true }\n[tool.uv.workspace]\nmembers = ["library"]\n'
    root = workshop.project('"alpha", "library"', more=source)
    library(root / "library")
    return root, root / "library"


def in_a_repository(workshop: Workshop) -> tuple[Path, Path]:
    library(workshop.folder / "library")
    source = f'[tool.uv.sources]\nlibrary = {{ git = "file://{workshop.folder}/library", branch = "main" }}\n'
    return workshop.project('"alpha", "library"', more=source), workshop.folder / "library"


def named_by_its_repository(workshop: Workshop) -> tuple[Path, Path]:
    library(workshop.folder / "library")
    return (
        workshop.project(f'"alpha", "library @ git+file://{workshop.folder}/library@main"'),
        workshop.folder / "library",
    )


def named_by_its_folder(workshop: Workshop) -> tuple[Path, Path]:
    library(workshop.folder / "library")
    return workshop.project(f'"alpha", "library @ file://{workshop.folder}/library"'), workshop.folder / "library"


@pytest.mark.parametrize(
    "place", [in_a_folder, in_a_workspace, in_a_repository, named_by_its_repository, named_by_its_folder]
)
def test_what_is_there_now_is_built(
    index: Index, workshop: Workshop, tmp_path: Path, place: Callable[[Workshop], tuple[Path, Path]]
) -> None:
    repository = "repository" in place.__name__
    if repository and not shutil.which("git"):
        pytest.skip("needs git")
    index.add("alpha")
    root, folder = place(workshop)
    if repository:
        git(folder, "init")
    inputs = []
    for text in ("x = 1\n", "x = 2\n", "x = 2\n"):
        (folder / "library.txt").write_text(text)
        if repository:
            git(folder, "add", ".")
            git(folder, "commit", "--allow-empty", "--message", "Change")
        result = workshop.build(root)
        assert result.image is not None
        inputs.append(result.image.inputs)
        files = image_files(root / "dist" / result.image.file, tmp_path / f"unpacked{len(inputs)}")
        assert files["library.py"].decode() == text
        if not repository:
            assert str(tmp_path).encode() not in files[".aleph/pylock.toml"]
    assert inputs[0] != inputs[1]
    assert repository or inputs[1] == inputs[2]  # another commit is another input


@pytest.mark.parametrize("place", [in_a_folder, in_a_workspace, named_by_its_folder])
def test_what_is_there_now_is_built_without_an_index(
    index: Index, workshop: Workshop, tmp_path: Path, place: Callable[[Workshop], tuple[Path, Path]]
) -> None:
    index.add("alpha")
    root, folder = place(workshop)
    (folder / "library.txt").write_text("x = 1\n")
    workshop.build(root)
    (folder / "library.txt").write_text("x = 2\n")
    result = workshop.build(root, offline=True)
    assert result.image is not None
    assert image_files(root / "dist" / result.image.file, tmp_path / "unpacked")["library.py"] == b"x = 2\n"


@pytest.mark.parametrize("place", [in_a_folder, in_a_workspace, named_by_its_folder])
def test_a_link_that_leads_out_of_a_dependencys_folder_is_refused_unless_it_is_allowed(
    index: Index, workshop: Workshop, place: Callable[[Workshop], tuple[Path, Path]]
) -> None:
    index.add("alpha")
    root, folder = place(workshop)
    outside = workshop.folder / "outside.py"
    outside.write_text("x = 'of the machine'\n")
    (folder / "library.py").symlink_to(outside)
    (folder / "library.txt").write_text(outside.read_text())
    with pytest.raises(DependencyError, match=r"Links lead out .*would be published: library.py -> ") as caught:
        workshop.build(root)
    assert 'allow-links = ["library.py"]' in str(caught.value)
    pyproject = root / "pyproject.toml"
    pyproject.write_text(
        pyproject.read_text().replace("[tool.aleph]\n", '[tool.aleph]\nallow-links = ["library.py"]\n')
    )
    assert workshop.build(root).image is not None


def test_a_link_from_a_workspaces_member_to_the_workspace_leads_nowhere_else(index: Index, workshop: Workshop) -> None:
    index.add("alpha")
    root, folder = in_a_workspace(workshop)
    (root / "shared.py").write_text("x = 'shared'\n")
    (folder / "library.py").symlink_to("../shared.py")
    (folder / "library.txt").write_text("x = 'shared'\n")
    assert workshop.build(root).image is not None


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
@pytest.mark.parametrize(
    ("place", "link"),
    [
        (named_by_its_repository, "to a file"),
        *((in_a_repository, each) for each in ("by another link", "of a folder", "in the repository", "in a loop")),
    ],
)
def test_a_link_in_a_repository_is_judged_as_in_a_folder(
    index: Index, workshop: Workshop, place: Callable[[Workshop], tuple[Path, Path]], link: str
) -> None:
    index.add("alpha")
    root, folder = place(workshop)
    outside = workshop.folder / "outside"
    outside.mkdir()
    (outside / "library.txt").write_text("secret = 'something of the machine alone'\n")
    (folder / "inside.txt").write_text("x = 'of the repository'\n")
    targets = {
        "to a file": outside / "library.txt",
        "by another link": "step.txt",
        "of a folder": "there/library.txt",
        "in the repository": "inside.txt",
        "in a loop": "inside.txt",
    }
    (folder / "library.txt").symlink_to(targets[link])
    (folder / "step.txt").symlink_to("there/library.txt")
    (folder / "there").symlink_to(outside if link in ("by another link", "of a folder") else ".")
    (folder / "loop").symlink_to("loop")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "--message", "Links")
    if link in ("in the repository", "in a loop"):
        assert workshop.build(root).image is not None
        return
    with pytest.raises(DependencyError, match=r"Links lead out .*would be published") as caught:
        workshop.build(root)
    assert str(outside) in str(caught.value)


SDIST = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
OUT = {
    "an absolute link": (tarfile.SYMTYPE, "{mine}"),
    "a link that climbs": (tarfile.SYMTYPE, "../../../../../../../../../../../../../..{mine}"),
    "a link to a folder": (tarfile.SYMTYPE, "{folder}"),
    "a hard link": (tarfile.LNKTYPE, "{mine}"),
}


@pytest.mark.parametrize("link", OUT)
def test_a_source_distribution_brings_no_file_of_this_machine(index: Index, workshop: Workshop, link: str) -> None:
    """uv unpacks it and refuses links that lead out, before anything of it runs."""
    mine = workshop.folder / "private" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("text of mine")
    kind, target = OUT[link]
    name = "library" if "folder" in link else "library.txt"
    with tarfile.open(index.files / "library-1.0.tar.gz", "w:gz") as archive:
        for path, text in (("pyproject.toml", SDIST), ("backend.py", BACKEND.replace("library.txt", f"{name}"))):
            item = tarfile.TarInfo(f"library-1.0/{path}")
            item.size = len(text)
            archive.addfile(item, io.BytesIO(text.encode()))
        item = tarfile.TarInfo(f"library-1.0/{name}")
        item.type, item.linkname = kind, target.format(mine=mine, folder=mine.parent)
        archive.addfile(item)
    with pytest.raises(DependencyError, match="library") as refused:
        workshop.build(workshop.project('"library"', aleph='allow-source = ["library"]\n'))
    assert "text of mine" not in str(refused.value)
    assert not list((workshop.folder / "project" / "dist").glob("*.squashfs"))
