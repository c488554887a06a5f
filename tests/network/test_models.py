"""The network's models judge the same in another process as in this one, and whatever becomes of that process."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.errors import RejectedError
from hatch_aleph.network import models
from hatch_aleph.network.messages import check_content, store_content

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STORE = store_content("0x1", "ab" * 32, "storage", time=1.0, payment={"chain": "ETH", "type": "credit"})
# The network's own words for what is wrong with it; none where nothing is.
JUDGED: list[tuple[str, Any, int]] = [
    ("STORE", STORE, 0),
    ("STORE", {**STORE, "item_hash": "ü"}, 1),
    ("PROGRAM", {"address": "0x1"}, 5),
    ("FORGET", {"address": "0x1", "time": float("nan"), "hashes": ["ab" * 32]}, 1),
    ("AGGREGATE", {"address": "0x1", "time": 1.0, "key": "k", "content": {"line": "\u2028\n"}}, 0),
]


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    monkeypatch.setattr(models, "_beside", None)
    monkeypatch.setattr(models, "processors", lambda: 2)
    models.begin()
    process = models._beside
    assert process is not None
    models.begin()
    assert models._beside is process
    yield process
    models._end(process)


def test_it_judges_as_this_process_does(beside: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> None:
    here = [models._judged(type_, content) for type_, content, _ in JUDGED]
    with monkeypatch.context() as patch:
        patch.setattr(models, "_judged", lambda *_: pytest.fail("judged here"))
        assert [models.reasons_against(type_, content) for type_, content, _ in JUDGED] == here
        with pytest.raises(RejectedError, match="would not understand this PROGRAM") as caught:
            check_content("PROGRAM", {"address": "0x1"})
    assert caught.value.hint == "\n".join(here[2])
    for reasons, (_, _, least) in zip(here, JUDGED, strict=True):
        assert len(reasons) >= least
        assert bool(reasons) == bool(least)
    assert beside.poll() is None


@pytest.mark.parametrize("when", ["before", "between"])
def test_where_it_has_ended_this_process_judges(beside: subprocess.Popen[str], when: str) -> None:
    if when == "between":
        assert models.reasons_against("STORE", STORE) == []
    beside.kill()
    beside.wait()
    assert models.reasons_against("STORE", STORE) == []
    assert models.reasons_against("PROGRAM", {})
    assert models._beside is None


@pytest.mark.usefixtures("beside")
def test_what_is_no_json_is_judged_here() -> None:
    assert models.reasons_against("AGGREGATE", {"address": "0x1", "time": 1.0, "key": "k", "content": {"a": {1}}}) == []


def test_on_one_core_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_beside", None)
    monkeypatch.setattr(models, "processors", lambda: 1)
    models.begin()
    assert models._beside is None
    assert models.reasons_against("STORE", STORE) == []


def test_it_ends_with_this_process_and_imports_nothing_of_the_folder(tmp_path: Path) -> None:
    for name in ("json", "aleph_message", "hatch_aleph"):
        (tmp_path / f"{name}.py").write_text(f"open('planted-{name}', 'w')", "utf-8")
    script = textwrap.dedent("""
        import sys
        sys.path[:] = [each for each in sys.path if each]
        from hatch_aleph.network import models
        models.processors = lambda: 2
        models.begin()
        assert models.reasons_against("PROGRAM", {})
        print(models._beside.pid)
    """)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("COV", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert not list(tmp_path.glob("planted-*"))
    if os.name != "nt":
        with pytest.raises(ProcessLookupError):
            os.kill(int(done.stdout), 0)
    assert not done.stderr
