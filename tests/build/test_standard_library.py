"""Bytecode of the standard library in the packages image: the runtime's own modules, checked, packed once."""

from __future__ import annotations

import dataclasses
import os
import sys
import sysconfig
from importlib.util import source_hash
from pathlib import Path

import pytest

from hatch_aleph import interpreters, runtimes
from hatch_aleph.build.packages import standard_library
from hatch_aleph.build.packages.recipe import Recipe
from hatch_aleph.guest.packed_modules import Pack
from hatch_aleph.interpreters import Interpreter
from hatch_aleph.settings import Settings
from tests.build.conftest import Index, Workshop, image_files

PACK = ".aleph/stdlib"
UNKNOWN = dataclasses.replace(runtimes.DEFAULT, python="3.99")  # of which no table tells the sources


def sources(
    interpreter: Interpreter | None, runtime: runtimes.Runtime = UNKNOWN, told: list[str] | None = None
) -> dict[str, Path]:
    recipe = Recipe(Settings(entrypoint="m:a"), runtime, interpreter)
    return standard_library.sources(recipe, [].append if told is None else told.append)


@pytest.mark.parametrize(("aleph", "there"), [("", True), ("adapter = false\n", False), ("bytecode = false\n", False)])
def test_who_reads_it_gets_it(index: Index, workshop: Workshop, tmp_path: Path, aleph: str, there: bool) -> None:
    index.add("alpha")
    root = workshop.project('"alpha"', aleph=aleph)
    image = workshop.build(root).image
    assert image is not None
    files = image_files(root / "dist" / image.file, tmp_path / "unpacked")
    assert (PACK in files) == there
    if there:
        pack = Pack(str(tmp_path / "unpacked" / PACK))
        ready = {path: pack.read(*place) for path, place in pack.folder("").items()}
        assert {content[4:8] for content in ready.values()} == {b"\3\0\0\0"}  # the source's hash is checked
        [queue] = [content for path, content in ready.items() if path.startswith("__pycache__/queue.")]
        assert queue[8:16] == source_hash((workshop_folder(workshop) / "queue.py").read_bytes())
        again = workshop.build(root).image
        assert again is not None
        assert again.sha256 == image.sha256


def libraries(folder: Path) -> list[Interpreter]:
    """Make two interpreters of one version with different libraries."""
    found = []
    for name in ("a", "b"):
        library = folder / name / "lib" / "python3.11"
        library.mkdir(parents=True)
        (library / "queue.py").write_text(f"# {name}\n")
        (library / "numbers.py").write_text("# the same\n")
        found.append(Interpreter(folder / name / "bin" / "python3.11", "3.11.2", library))
    return found


def test_another_library_gives_another_image(tmp_path: Path) -> None:
    """Debian's 3.11.2 and python.org's differ in some files: the same version says too little."""
    found = [sources(each) for each in libraries(tmp_path)]
    assert [sorted(each) for each in found] == [["numbers.py", "queue.py"]] * 2
    assert standard_library.digest(found[0]) != standard_library.digest(found[1])
    assert standard_library.digest({}) == ""


def test_what_the_runtime_has_in_another_version_stays_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So an image does not tell which of two distributors an interpreter of one version comes from."""
    pythons = libraries(tmp_path)
    table = {"numbers.py": {standard_library.source_digest(tmp_path / "a/lib/python3.11/numbers.py")}, "queue.py": {""}}
    monkeypatch.setattr(runtimes.Runtime, "library_hashes", lambda _self: table)
    found = [sources(each) for each in pythons]
    assert [list(each) for each in found] == [["numbers.py"]] * 2
    assert standard_library.digest(found[0]) == standard_library.digest(found[1])


@pytest.mark.skipif(os.name == "nt", reason="the shim is a shell script")
def test_the_library_is_found_behind_a_shim(tmp_path: Path) -> None:
    """A version manager's shim lies in no installation, and what it starts depends on the folder it is started in."""
    shim = tmp_path / "shims" / "python3.99"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    shim.chmod(0o755)
    found = interpreters.ask(shim)
    assert found is not None
    assert found.path.samefile(sys.executable)
    assert found.library == Path(sysconfig.get_path("stdlib"))
    assert sources(found) == sources(interpreters.ask(Path(sys.executable)))
    assert sources(found)


def test_an_interpreter_without_a_library_is_told(tmp_path: Path) -> None:
    for library in (None, tmp_path):
        told: list[str] = []
        assert sources(Interpreter(Path("/usr/bin/python3.11"), "3.11.2", library), told=told) == {}
        assert len(told) == 1
        assert "no bytecode of the standard library" in told[0]


def test_the_list_names_what_there_is() -> None:
    """A name that a Python drops would be left out without a word."""
    assert len(sources(interpreters.ask(Path(sys.executable)))) > 70


def test_most_of_the_runtimes_modules_are_those_of_any_interpreter_of_its_version() -> None:
    """A table that fits no interpreter would leave all out without a word."""
    found = interpreters.find(runtimes.DEFAULT.python)
    if found is None:
        pytest.skip("no such Python here")
    table = runtimes.DEFAULT.library_hashes()
    assert table is not None
    assert len(sources(found, runtimes.DEFAULT)) > len(table) / 2
    assert UNKNOWN.library_hashes() is None


def workshop_folder(workshop: Workshop) -> Path:
    """Return the standard library of the Python that compiles."""
    found = interpreters.find(workshop.runtime.python)
    assert found is not None
    return sources(found)["queue.py"].parent
