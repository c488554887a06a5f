"""The import contract that forbids circles."""

from __future__ import annotations

import itertools

import grimp
import pytest

from tools.circles import NoCircles


def judge(*imports: str) -> list[str] | None:
    """Return the circle that the contract finds among imports such as ``a -> b``."""
    graph = grimp.ImportGraph()
    for line in imports:
        importer, imported = line.split(" -> ")
        graph.add_module(importer)
        graph.add_module(imported)
        graph.add_import(importer=importer, imported=imported)
    check = NoCircles("no circles", {"root_packages": ["pkg"]}, {}).check(graph, verbose=False)
    assert check.kept is (check.metadata is None or "circle" not in check.metadata)
    return None if check.kept else check.metadata["circle"]


@pytest.mark.parametrize(
    "imports",
    [
        ("pkg.a -> pkg.b", "pkg.b -> pkg.c", "pkg.c -> pkg.a", "pkg.z -> pkg.a"),
        ("pkg.sub -> pkg.sub.deep.a", "pkg.sub.deep.a -> pkg.sub"),
    ],
    ids=["a long way round", "a package and its module"],
)
def test_a_circle_is_shown_in_the_direction_of_its_imports(imports: tuple[str, ...]) -> None:
    circle = judge(*imports) or []
    assert circle[0] == circle[-1]
    assert all(f"{importer} -> {imported}" in imports for importer, imported in itertools.pairwise(circle))


def test_imports_one_way_pass() -> None:
    assert judge("pkg.a -> pkg.b", "pkg.a -> pkg.c", "pkg.b -> pkg.c", "pkg.sub.x -> pkg.sub") is None
