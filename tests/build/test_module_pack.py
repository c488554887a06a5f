"""Packages images whose bytecode is packed: all of it, nothing twice, the same bytes, read by the guest's finders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import hatch_aleph
from hatch_aleph.build.cache import Cache
from hatch_aleph.guest.packed_modules import Pack
from tests.build.conftest import Index, Workshop, image_files

GUEST = str(Path(hatch_aleph.__file__).parents[1])
ASK = f"""
import sys
sys.path[:0] = [{GUEST!r}, sys.argv[1]]
from hatch_aleph.guest.packed_modules import install
print(install(sys.argv[1]))
import alpha, alpha.part
print(type(alpha.__loader__).__name__, alpha.__doc__, alpha.__spec__.loader.get_code("alpha").co_filename, alpha.WHO)
"""
FILES = {"alpha/__init__.py": "'''Doc.'''\nWHO = 77777\n", "alpha/part.py": "", "alpha/tests/test_it.py": "x = 1\n"}


def built(index: Index, workshop: Workshop, folder: Path, *, name: str = "project", aleph: str = "") -> set[str]:
    index.add("alpha", files=FILES)
    root = workshop.project('"alpha"', name=name, aleph=aleph)
    image = workshop.build(root).image
    assert image is not None
    return set(image_files(root / "dist" / image.file, folder))


@pytest.mark.parametrize(
    ("aleph", "options", "said"),
    [
        ("", "-OO", "True PackedLoader Doc. WHERE/alpha/__init__.py 77778"),
        ("", "-B", "True PackedLoader Doc. WHERE/alpha/__init__.py 77778"),
        ("optimize = true\n", "-OO", "True PackedLoader None WHERE/alpha/__init__.py 77778"),
        ("optimize = true\n", "-B", "False SourceFileLoader None WHERE/alpha/__init__.py 1"),
    ],
)
def test_the_code_is_read_from_the_pack(
    index: Index, workshop: Workshop, tmp_path: Path, aleph: str, options: str, said: str
) -> None:
    where = tmp_path / "unpacked"
    files = built(index, workshop, where, aleph=aleph)
    assert not [path for path in files if path.endswith(".pyc")]
    assert {"alpha/__init__.py", ".aleph/modules/alpha", ".aleph/modules/index"} <= files
    source = where / "alpha/__init__.py"
    source.write_text("WHO = 1\n")  # another source shows whether it is looked at
    pack = where / ".aleph/modules/alpha"
    packed, other = ((77777 + more).to_bytes(4, "little") for more in (0, 1))  # WHO, in marshal's form
    pack.write_bytes(pack.read_bytes().replace(packed, other))
    done = subprocess.run(
        [sys.executable, options, "-I", "-c", ASK, str(where)], check=False, capture_output=True, text=True
    )
    assert done.stdout.split() == said.replace("WHERE", str(where)).split(), done.stderr


def test_another_project_has_the_same_pack(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    packs = []
    for name in ("one", "two"):
        built(index, workshop, tmp_path / name, name=f"project-{name}")
        packs.append((tmp_path / name / ".aleph/modules/alpha").read_bytes())
    assert packs[0] == packs[1]
    assert len(set(Cache.default().root.glob("wheels/*/*.segment"))) == 1


def test_what_has_no_bytecode_is_named_and_left_to_python(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    built(index, workshop, tmp_path / "all")
    found = Pack(str(tmp_path / "all/.aleph/modules/alpha"))
    assert set(found.table) == {"", "alpha", "alpha/tests"}
    assert found.folder("alpha/tests") == {"test_it": None}
    built(index, workshop, tmp_path / "none", aleph='exclude = ["alpha/*part*.pyc"]\n')
    found = Pack(str(tmp_path / "none/.aleph/modules/alpha"))
    own = found.folder("")["alpha"]
    assert found.folder("alpha") == {"__init__": (*own[:2], 0), "part": None}


@pytest.mark.parametrize("aleph", ["packed-modules = false\n", "adapter = false\n", "bytecode = false\n"])
def test_who_reads_none_gets_none(index: Index, workshop: Workshop, tmp_path: Path, aleph: str) -> None:
    files = built(index, workshop, tmp_path / "unpacked", aleph=aleph)
    assert not [path for path in files if path.startswith(".aleph/modules")]
    assert bool([path for path in files if path.endswith(".pyc")]) == ("bytecode" not in aleph)


WRITTEN = """
import dataclasses
@dataclasses.dataclass(frozen=True)
class Point:
    "Doc."
    x: int
    y: int = 2
"""


@pytest.mark.parametrize("looked_up", [True, False])  # by an app's start; not in the processes that it starts
def test_what_dataclasses_write_lies_beside_their_module(
    index: Index, workshop: Workshop, tmp_path: Path, *, looked_up: bool
) -> None:
    index.add("alpha", files={"alpha/__init__.py": "", "alpha/points.py": WRITTEN})
    root = workshop.project('"alpha"')
    image = workshop.build(root).image
    assert image is not None
    where = tmp_path / "unpacked"
    image_files(root / "dist" / image.file, where)
    ask = f"""
import contextlib, dataclasses, sys, typing
sys.path[:0] = [{GUEST!r}, sys.argv[1]]
from hatch_aleph.guest.packed_modules import install
from hatch_aleph.guest.written_code import looked_up
compiled = []
def audit(event, given):
    if event == "compile" and given[1] == "<string>":
        compiled.append(given[0])
install(sys.argv[1])
sys.addaudithook(audit)
with looked_up() if {looked_up} else contextlib.nullcontext():
    from alpha import points
print(len(compiled), points.Point(1) == points.Point(1, 2), points.Point.__doc__, points.__file__)
"""
    command = [sys.executable, "-OO", "-I", "-c", ask, str(where)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    count, *said = done.stdout.split()
    assert said == ["True", "Doc.", f"{where}/alpha/points.py"], done.stderr
    assert (int(count) == 0) is looked_up
