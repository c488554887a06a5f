"""Bytecode of the standard library in the packages image: checked against its source, packed once."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import source_hash
from typing import TYPE_CHECKING

import pytest

from hatch_aleph import interpreters
from hatch_aleph.build.packages import standard_library
from hatch_aleph.interpreters import Interpreter
from hatch_aleph.settings import Settings
from tests.build.conftest import Index, Workshop, image_files

if TYPE_CHECKING:
    from pathlib import Path

STDLIB = ".aleph/stdlib/"


@pytest.mark.parametrize(("aleph", "there"), [("", True), ("adapter = false\n", False), ("bytecode = false\n", False)])
def test_who_reads_it_gets_it(index: Index, workshop: Workshop, tmp_path: Path, aleph: str, there: bool) -> None:
    index.add("alpha")
    root = workshop.project('"alpha"', aleph=aleph)
    image = workshop.build(root).image
    assert image is not None
    files = image_files(root / "dist" / image.file, tmp_path / "unpacked")
    ready = [path for path in files if path.startswith(STDLIB)]
    assert bool(ready) == there
    if there:
        assert {files[path][4:8] for path in ready} == {b"\3\0\0\0"}  # the source's hash is checked
        assert any(path.startswith(f"{STDLIB}__pycache__/queue.") for path in ready)
        [queue] = [path for path in ready if "/queue." in path]
        folder = workshop_folder(workshop)
        assert files[queue][8:16] == source_hash((folder / "queue.py").read_bytes())
        again = workshop.build(root).image
        assert again is not None
        assert again.sha256 == image.sha256


def test_another_library_gives_another_image(tmp_path: Path) -> None:
    """Debian's 3.11.2 and python.org's differ in some files: the same version says too little."""
    for name in ("a", "b"):
        folder = tmp_path / name / "lib" / "python3.11"
        folder.mkdir(parents=True)
        (folder / "queue.py").write_text(f"# {name}\n")
        (folder.parent.parent / "bin").mkdir()
    pythons = [Interpreter(tmp_path / name / "bin" / "python3.11", "3.11.2") for name in ("a", "b")]
    found = [standard_library.sources(Settings(entrypoint="m:a"), each) for each in pythons]
    assert [list(each) for each in found] == [["queue.py"], ["queue.py"]]
    assert standard_library.digest(found[0]) != standard_library.digest(found[1])
    assert standard_library.digest({}) == ""


def test_the_list_names_what_there_is() -> None:
    """A name that a Python drops would be left out without a word."""
    code = "import os, sys; print(os.path.dirname(os.__file__)); print(sys.version.split()[0])"
    folder = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()[0]
    interpreter = Interpreter(workshop_python(folder), ".".join(map(str, sys.version_info[:3])))
    assert len(standard_library.sources(Settings(entrypoint="m:a"), interpreter)) > 70


def workshop_folder(workshop: Workshop) -> Path:
    """Return the standard library of the Python that compiles."""
    found = interpreters.find(workshop.runtime.python)
    assert found is not None
    return standard_library.sources(Settings(entrypoint="m:a"), found)["queue.py"].parent


def workshop_python(library: str) -> Path:
    from pathlib import Path

    return Path(library).parent.parent / "bin" / "python3"
