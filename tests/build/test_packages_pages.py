"""What uv has already spares waiting for the index, and never changes what is vendored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build.cache import Cache
from hatch_aleph.build.packages import pages
from hatch_aleph.errors import DependencyError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.build.conftest import Index, Workshop


def built(workshop: Workshop, dependencies: str, name: str) -> list[str]:
    result = workshop.build(workshop.project(dependencies, name=name))
    return [f"{each.name} {each.version}" for each in result.distributions]


def test_an_index_is_not_asked_twice_within_ten_minutes(index: Index, workshop: Workshop) -> None:
    index.add("alpha")
    index.add("beta")
    built(workshop, '"alpha", "beta"', "first")
    index.requests.clear()
    assert built(workshop, '"beta>=1", "alpha<9"', "second") == ["alpha 1.0", "beta 1.0"]
    assert index.requests == []


def test_but_then_it_is(index: Index, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    index.add("alpha")
    built(workshop, '"alpha"', "first")
    monkeypatch.setattr(pages, "BELIEVED_SECONDS", 0)
    index.add("alpha", "1.1")
    assert built(workshop, '"alpha<9"', "second") == ["alpha 1.1"]


def test_a_version_that_uv_does_not_know_yet_is_never_passed_over(index: Index, workshop: Workshop) -> None:
    index.add("alpha")
    index.add("alpha", "2.0")
    assert built(workshop, '"alpha<2"', "first") == ["alpha 1.0"]
    # uv, offline, would take 1.0 again without a word: it has the page, and of 2.0 nothing.
    assert built(workshop, '"alpha"', "second") == ["alpha 2.0"]


def test_a_wrong_guess_leaves_no_trace_in_the_image(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    for name in ("alpha", "beta"):
        index.add(name)
    built(workshop, '"alpha", "beta"', "first")
    Cache.default().clear()  # what uv has is now a guess, and soon a wrong one
    index.add("beta", "1.1", requires=("gamma",))
    index.add("gamma")
    assert built(workshop, '"alpha", "beta"', "guessed") == ["alpha 1.0", "beta 1.1", "gamma 1.0"]
    guessed = next((tmp_path / "guessed/dist").glob("*.squashfs")).read_bytes()
    Cache.default().clear()
    built(workshop, '"alpha", "beta"', "again")
    assert next((tmp_path / "again/dist").glob("*.squashfs")).read_bytes() == guessed


def test_a_guess_is_no_answer_when_the_index_is_out_of_reach(
    index: Index, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add("alpha")
    built(workshop, '"alpha"', "first")
    Cache.default().clear()
    index.password = "now it has one"
    with pytest.raises(DependencyError, match="alpha"):
        built(workshop, '"alpha"', "second")
