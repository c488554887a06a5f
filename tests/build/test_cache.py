"""The cache: whole entries or none, and a clean end to them."""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build.cache import Cache, key_of
from hatch_aleph.shapes import TEXT

if TYPE_CHECKING:
    from pathlib import Path


def test_keys_depend_on_everything_and_on_nothing_else() -> None:
    assert key_of("a", {"x": 1, "y": 2}) == key_of("a", {"y": 2, "x": 1})
    assert len({key_of("a"), key_of("b"), key_of("a", None), key_of(["a"])}) == 4


def test_entries(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assert cache.load("builds", "00") is None
    cache.store("builds", "00", {"x": [1, 2.5, "é"]})
    assert cache.load("builds", "00") == {"x": [1, 2.5, "é"]}
    file = cache.file("builds", "00")
    file.write_text(file.read_text().replace("2.5", "3.5"))
    assert cache.load("builds", "00") is None
    cache.store("builds", "00", 1)
    assert cache.load("builds", "00") == 1


@pytest.mark.parametrize(
    "body", ["5", "[]", "{}", '{"text": 5}', '{"text": "\\ud800"}', "[" * 100_000, '{"a":' * 100_000]
)
def test_an_entry_of_another_shape_counts_as_absent(tmp_path: Path, body: str) -> None:
    cache = Cache(tmp_path / "cache")
    cache.store("builds", "00", {"text": "x"})
    assert cache.load("builds", "00", {"text": TEXT}) == {"text": "x"}
    cache.file("builds", "00").write_text(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}")
    assert cache.load("builds", "00", {"text": TEXT}) is None


def test_scratch_is_gone_afterwards(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    with cache.scratch() as folder:
        (folder / "x").write_text("x")
        assert folder.parent == cache.root / "tmp"
    assert not folder.exists()
    (tmp_path / "file").write_text("")
    with Cache(tmp_path / "file/cache").scratch() as folder:
        assert folder.is_dir()


def test_prune_and_clear(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    cache.store("builds", "aa", 1)
    cache.store("wheels", "bb", 2)
    old = time.time() - 40 * 86400
    os.utime(cache.file("builds", "aa"), (old, old))
    leftover = cache.root / "wheels/bb/.bb.segment.1.part"
    leftover.write_bytes(bytes(1000))
    os.utime(leftover, (time.time() - 2 * 86400,) * 2)
    (cache.root / "tmp/dead").mkdir(parents=True)
    os.utime(cache.root / "tmp/dead", (old, old))
    assert cache.prune(30) > 1000
    assert cache.load("builds", "aa") is None
    assert cache.load("wheels", "bb") == 2
    assert not leftover.exists()
    assert not (cache.root / "tmp/dead").exists()
    assert cache.clear() > 0
    assert all(usage.entries == 0 for usage in cache.usage())
