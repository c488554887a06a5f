"""Every module of the package loads on each Python: whole ways through some of them are tried on one alone."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for file in sorted((ROOT / "hatch_aleph").rglob("*.py"))
    if file.name != "__main__.py"  # which runs when it is loaded
    and (file.parent / "__init__.py").exists()  # what lies elsewhere is a guest's, beside others of its name
]


def room(name: str) -> str:
    return name.split(".")[1] if "." in name else name


@pytest.mark.parametrize("of", sorted({room(name) for name in MODULES}))
def test_every_module_of_a_room_loads(of: str) -> None:
    for name in MODULES:
        if room(name) == of:
            importlib.import_module(name)
