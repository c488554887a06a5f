"""What may be imported from outside is there, typed, documented, and its examples run."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from tests.seams.documents import ROOT

DOORS = [
    "hatch_aleph.api",
    "hatch_aleph.hookspecs",
    "hatch_aleph.local.host",
    "hatch_aleph.local.node",
    "hatch_aleph.squashfs",
]


def names(door: str) -> list[str]:
    module = importlib.import_module(door)
    return list(getattr(module, "__all__", [name for name in vars(module) if name.startswith(("aleph_", "hook"))]))


@pytest.mark.parametrize(("door", "name"), [(door, name) for door in DOORS for name in names(door)])
def test_each_name_is_there_and_says_what_it_is(door, name):
    found = getattr(importlib.import_module(door), name)
    assert inspect.getdoc(found), name


@pytest.mark.parametrize("door", DOORS)
def test_each_door_has_its_place_on_the_page(door):
    assert f".. automodule:: {door}\n" in (ROOT / "docs" / "api.md").read_text("utf-8")


@pytest.mark.parametrize(
    "door",
    [
        "hatch_aleph.api",
        "hatch_aleph.local.host",
        "hatch_aleph.settings",
        "hatch_aleph.squashfs",
    ],
)
def test_the_doors_are_typed(door):
    assert files("hatch_aleph").joinpath("py.typed").is_file()
    source = Path(importlib.import_module(door).__file__ or "").read_text("utf-8")
    guarded = next(node for node in ast.parse(source).body if isinstance(node, ast.If))
    imports = [node for node in guarded.body if isinstance(node, ast.ImportFrom)]
    typed = {alias.asname for node in imports for alias in node.names} - {None}
    assert typed == set(names(door))
    assert set(dir(importlib.import_module(door))) == typed


def test_importing_the_api_loads_no_room():
    code = "import sys, hatch_aleph.api; print(sorted(name for name in sys.modules if name.startswith('hatch_aleph')))"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed == "['hatch_aleph', 'hatch_aleph.api', 'hatch_aleph.lazy']\n"
