"""What uv is told, and how what it says is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.uv import Uv, without_frames

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_lines_are_not_folded_at_the_caller_s_width(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wanted.in").write_text("some-distribution==1\n")
    monkeypatch.setenv("COLUMNS", "40")
    outcome = Uv(tmp_path).run(["pip", "compile", "--no-index", "wanted.in"], offline=True)
    assert outcome.code != 0
    assert outcome.lines[0] == "No solution found when resolving dependencies"


def test_an_endless_line_of_a_backend_leaves_room_for_its_reason():
    said = without_frames([f"discovered packages -- {['package'] * 1000}", "Multiple top-level packages discovered"])
    assert said[0].endswith("…")
    assert len(said[0]) < 320
    assert said[1:] == ["Multiple top-level packages discovered"]
