"""Where dependencies come from: locks before declarations, and what is done about stale ones."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from hatch_aleph.build.packages.lock import write_lock
from hatch_aleph.build.packages.other_locks import read_requirements
from hatch_aleph.errors import DependencyError
from hatch_aleph.project import load_project
from tests.build.conftest import RUNNING, write_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.build.conftest import Index, Workshop

PYTHON = f'python = "{RUNNING}"\nruntime = "{"a" * 64}"\n'  # of the runtime: what `hatch-aleph lock` locks for


def versions(workshop: Workshop, root: Path, **options: bool) -> list[str]:
    return [f"{each.name} {each.version}" for each in workshop.build(root, **options).distributions]


def lock(root: Path, **options: object) -> str:
    write_lock(load_project(root), None, **options)  # type: ignore[arg-type]
    return (root / "pylock.toml").read_text()


def uv(root: Path, *arguments: str) -> None:
    command = [find_uv_bin(), *arguments, "--python", sys.executable]
    subprocess.run(command, cwd=root, check=True, capture_output=True)


def test_a_lock_pins_until_it_is_refreshed(index: Index, workshop: Workshop) -> None:
    index.add("alpha")
    index.add("beta")
    root = workshop.project('"alpha", "beta"', aleph=PYTHON)
    text = lock(root)
    index.add("alpha", "2.0")
    index.add("beta", "2.0")
    assert versions(workshop, root, locked=True) == ["alpha 1.0", "beta 1.0"]
    assert lock(root) == text
    change = write_lock(load_project(root), None, upgrade=("beta",))
    assert (change.added, change.removed, change.changed) == ((), (), ("beta 1.0 -> 2.0",))
    assert versions(workshop, root, locked=True) == ["alpha 1.0", "beta 2.0"]
    assert write_lock(load_project(root), None, upgrade=True).changed == ("alpha 1.0 -> 2.0",)
    write_lock(load_project(root), None, check=True)


def test_a_project_of_the_name_of_what_it_requires_is_told_and_not_remembered(index: Index, workshop: Workshop) -> None:
    """uv takes extras of that name for the project's own; under another name the same requirement is installed."""
    index.add("alpha")
    index.add("my_api")
    root = workshop.project('"alpha", "My.Api[fast]"')
    text = (root / "pyproject.toml").read_text()

    def built(name: str) -> tuple[list[str], tuple[str, ...]]:
        (root / "pyproject.toml").write_text(text.replace('name = "my-api"', f'name = "{name}"'))
        result = workshop.build(root)
        return [each.name for each in result.distributions], tuple(result.warnings)

    told = ("My.Api[fast] is not installed: the project itself has that name",)
    assert built("my-api") == (["alpha"], told)
    assert built("other") == (["alpha", "my-api"], ())


def test_a_stale_lock(index: Index, workshop: Workshop) -> None:
    for version in ("1.0", "2.0"):
        index.add("alpha", version)
    index.add("beta")
    root = workshop.project('"alpha<2"', aleph=PYTHON)
    lock(root)
    workshop.project('"alpha", "beta"', aleph=PYTHON)
    with pytest.raises(DependencyError, match="The lock is out of date: beta is not in it"):
        workshop.build(root, locked=True)
    with pytest.raises(DependencyError, match="The lock is out of date"):
        write_lock(load_project(root), None, check=True)
    # Built all the same, with the versions that still fit, and told each time.
    assert versions(workshop, root) == ["alpha 1.0", "beta 1.0"]
    assert versions(workshop, root) == ["alpha 1.0", "beta 1.0"]
    assert (
        len([notice for notice in workshop.notices if "pylock.toml is out of date (beta is not in it)" in notice]) == 2
    )


def test_locked_without_a_lock(index: Index, workshop: Workshop) -> None:
    index.add("alpha")
    with pytest.raises(DependencyError, match="There is no lock, and --locked asks for one"):
        workshop.build(workshop.project('"alpha"'), locked=True)


def test_a_lock_of_others_is_read_for_the_runtime(index: Index, workshop: Workshop) -> None:
    right = index.add("alpha", tag="cp3-abi3-manylinux_2_17_x86_64".replace("cp3", f"cp{RUNNING.replace('.', '')}"))
    wrong = index.add("alpha", tag="cp38-cp38-win_amd64")
    index.add("winonly")
    base = index.url.removesuffix("/simple") + "/files"
    root = workshop.project('"alpha", "winonly; sys_platform == \'win32\'"')
    files = ", ".join(
        f'{{url = "{base}/{each.name}", hashes = {{sha256 = "{hashlib.sha256(each.read_bytes()).hexdigest()}"}}}}'
        for each in (wrong, right)
    )
    (root / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "someone"\n'
        f'[[packages]]\nname = "alpha"\nversion = "1.0"\nwheels = [{files}]\n'
        '[[packages]]\nname = "my-api"\ndirectory = {path = ".", editable = true}\n'  # as `uv export` has the project
        '[[packages]]\nname = "winonly"\nversion = "1.0"\nmarker = "sys_platform == \'win32\'"\n'
        f'wheels = [{{url = "{base}/winonly-1.0-py3-none-any.whl", hashes = {{sha256 = "{"0" * 64}"}}}}]\n'
    )
    result = workshop.build(root, locked=True)
    assert [each.hashes for each in result.distributions] == [
        (f"sha256:{hashlib.sha256(right.read_bytes()).hexdigest()}",)
    ]
    (root / "pylock.toml").write_text((root / "pylock.toml").read_text().replace(right.name, wrong.name))
    with pytest.raises(DependencyError, match="hatch-aleph lock"):
        workshop.build(root, locked=True)


@pytest.mark.parametrize("text", ["nonsense", "[[packages]]\nversion = 1", 'lock-version = "9"\ncreated-by = "x"'])
def test_a_broken_lock(index: Index, workshop: Workshop, text: str) -> None:
    index.add("alpha")
    root = workshop.project('"alpha"')
    (root / "pylock.toml").write_text(text)
    with pytest.raises(DependencyError, match=r"not a pylock\.toml") as caught:
        workshop.build(root)
    assert str(root / "pylock.toml") == caught.value.where
    assert caught.value.hint == "Remove it, and write it again: `hatch-aleph lock`"
    with pytest.raises(DependencyError, match=r"not a pylock\.toml") as caught:
        lock(root)
    assert caught.value.hint == "Remove it, and write it again: `hatch-aleph lock`"
    (root / "pylock.toml").unlink()
    lock(root)


def test_uv_lock(index: Index, workshop: Workshop) -> None:
    index.add("alpha")
    index.add("beta")
    index.add("gamma")
    groups = '[dependency-groups]\ndev = ["gamma"]\n'
    root = workshop.project('"alpha"', more=groups)
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace('version = "1.0"', f'version = "1.0"\nrequires-python = ">={RUNNING}"'))
    uv(root, "lock")
    index.add("alpha", "2.0")
    assert versions(workshop, root, locked=True) == ["alpha 1.0"]
    kept = (root / "uv.lock").read_bytes()
    file.write_text(file.read_text().replace('"alpha"', '"alpha", "beta"'))
    with pytest.raises(DependencyError, match="The lock is out of date"):
        workshop.build(root, locked=True)
    assert versions(workshop, root) == ["alpha 1.0", "beta 1.0"]
    assert "uv.lock is out of date" in workshop.notices[-1]
    assert (root / "uv.lock").read_bytes() == kept  # a build changes no sources


def test_hashed_requirements(index: Index, workshop: Workshop) -> None:
    alpha, beta = index.add("alpha"), index.add("beta")
    index.add("alpha", "2.0")
    root = workshop.project('"alpha"')
    digests = [hashlib.sha256(each.read_bytes()).hexdigest() for each in (alpha, beta)]
    file = root / "requirements.txt"
    file.write_text(
        f"# made by hand\nalpha==1.0 \\\n    --hash=sha256:{digests[0]}\nbeta==1.0 --hash=sha256:{digests[1]}  # why\n"
    )
    assert versions(workshop, root, locked=True) == ["alpha 1.0", "beta 1.0"]
    file.write_text(file.read_text().replace(digests[1], "0" * 64))
    with pytest.raises(DependencyError, match=r"[Hh]ash mismatch"):
        workshop.build(root)
    file.write_text("alpha==1.0\n")  # without hashes it is no lock
    assert versions(workshop, root) == ["alpha 2.0"]


def test_requirements_files(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    text = "-i https://example.org\na==1 \\\n  --hash=sha256:00\n# b\nc==2 --hash=sha256:11 # d\n"
    file.write_text(text)
    read = read_requirements(file)
    assert read.lines == ("a==1    --hash=sha256:00", "c==2 --hash=sha256:11")
    assert read.unhashed is None
    file.write_text(text + "d==1\n")
    assert read_requirements(file).unhashed == "d==1"
    file.write_text("# a path: C:\\\nalpha  # why \\\nbeta \\\r\n  <2 \\\n# end\ngamma \\\n")
    assert read_requirements(file).lines == ("alpha", "beta    <2", "gamma")  # a comment swallows no requirement
    file.write_text("")
    assert not read_requirements(file).lines


def test_files_that_include_each_other_are_read_once_and_none_from_an_address(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("alpha==1\n-r more.txt\n-e .\n-e ./library\n")
    (tmp_path / "more.txt").write_text("beta==2\n-r requirements.txt\n")
    read = read_requirements(file)
    assert read.lines == ("alpha==1", "-e ./library", "beta==2")
    assert sorted(read.pins.versions) == ["alpha", "beta"]
    file.write_text("-r https://example.org/requirements.txt\n")
    with pytest.raises(DependencyError, match="It includes a file from an address"):
        read_requirements(file)


def test_sources_are_built_only_by_name(index: Index, workshop: Workshop, tmp_path: Path) -> None:

    made = write_wheel(tmp_path, "source", files={"source.py": "x = 1\n"})
    backend = (
        "import shutil, pathlib\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        f"    return shutil.copy(pathlib.Path(__file__).parent / {made.name!r}, folder).rpartition('/')[2]\n"
    )
    pyproject = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    with tarfile.open(index.files / "source-1.0.tar.gz", "w:gz") as archive:
        for name, data in (
            ("pyproject.toml", pyproject.encode()),
            ("backend.py", backend.encode()),
            (made.name, made.read_bytes()),
            ("PKG-INFO", b"Metadata-Version: 2.2\nName: source\nVersion: 1.0\n"),
        ):
            item = tarfile.TarInfo(f"source-1.0/{name}")
            item.size = len(data)
            archive.addfile(item, io.BytesIO(data))
    with pytest.raises(DependencyError, match="no usable wheels"):
        workshop.build(workshop.project('"source"'))
    root = workshop.project('"source"', aleph='allow-source = ["source"]\n')
    assert versions(workshop, root) == ["source 1.0"]


def test_a_source_that_does_not_build_says_how_its_build_ended(index: Index, workshop: Workshop) -> None:
    pyproject = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    frames = "".join(f"def f{number}():\n    f{number + 1}()\n" for number in range(20))
    backend = f"{frames}def f20():\n    raise ImportError('the old setuptools is gone')\nf0()\n"
    with tarfile.open(index.files / "source-1.0.tar.gz", "w:gz") as archive:
        for name, text in (("pyproject.toml", pyproject), ("backend.py", backend)):
            item = tarfile.TarInfo(f"source-1.0/{name}")
            item.size = len(text)
            archive.addfile(item, io.BytesIO(text.encode()))
    with pytest.raises(DependencyError, match="the old setuptools is gone") as caught:
        workshop.build(workshop.project('"source"', aleph='allow-source = ["source"]\n'))
    assert "Failed to build `source" in caught.value.message
    assert "line 4" not in caught.value.message
    assert "choose a version that has a wheel" in (caught.value.hint or "")
