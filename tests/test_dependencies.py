"""What is imported is declared, and a build imports nothing but what the base install has."""

from __future__ import annotations

import ast
import functools
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from hatch_aleph.project import read_pyproject

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="importlib.metadata of Python 3.10 knows no distribution of most modules"
)
ROOT = Path(__file__).parents[1]
PROJECT = read_pyproject(ROOT)["project"]
# Rooms that no build enters: the command line, and what talks to a node.
ABOVE = {"cli", "deploy", "local", "network", "programs", "scaffold"}
# Named elsewhere: Hatch itself when it calls us; Python's own from 3.14 on; what only type checkers import.
PRESENT = {"hatch", "compression", "typing_extensions"}


def names(requirements: list[str]) -> set[str]:
    return {normalized(re.split(r"[\[ <>=;]", line)[0]) for line in requirements}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def imported() -> list[tuple[Path, str]]:
    found = []
    for file in sorted((ROOT / "hatch_aleph").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules = [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or ""]
            else:
                continue
            packages = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names
            found += [(file.relative_to(ROOT / "hatch_aleph"), each) for each in packages - {"hatch_aleph"} - PRESENT]
    return found


BASE = names(PROJECT["dependencies"])
EXTRAS = names([line for extra in PROJECT["optional-dependencies"].values() for line in extra])


@functools.cache
def distributions() -> dict[str, list[str]]:
    # Namespaces of several distributions; tomli is not there on newer Pythons.
    own = {"aleph": ["aleph-sdk-python"], "backports": ["backports.zstd"], "tomli": ["tomli"]}
    return {**packages_distributions(), **own}


def test_every_package_that_is_imported_is_declared() -> None:
    assert len({package for _, package in imported()}) > 10
    undeclared = []
    for file, package in imported():
        declared = BASE | EXTRAS if file.parts[0] in ABOVE else BASE
        if not {normalized(name) for name in distributions()[package]} & declared:
            undeclared.append(f"{file} imports {package}")
    assert undeclared == []


def test_every_dependency_is_imported() -> None:
    used = {normalized(name) for _, package in imported() for name in distributions()[package]}
    assert used | {"hatch-aleph"} >= BASE | EXTRAS
