"""The same content gives the same bytes, wherever and however it is packed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from hatch_aleph.squashfs import Entry, Options, scan, write_image
from hatch_aleph.squashfs.codec import library_version

GOLDEN = Path(__file__).with_name("golden.json")
ROOT = Path(__file__).parents[2]


def noise(size, seed):
    return random.Random(seed).randbytes(size)  # noqa: S311 - the same each time


TREES = {
    "empty": [],
    "one file": [Entry("a", "file", 0o644, b"one")],
    "folders": [Entry("a/b/c", "directory", 0o755), Entry("z", "directory", 0o700)],
    "links": [
        Entry("a", "file", 0o755, b"#!/bin/sh\n"),
        Entry("b/hard", "hardlink", target="a"),
        Entry("c", "symlink", 0o777, target="../a"),
    ],
    "borders": [Entry(f"{size}", "file", 0o644, noise(size, size)) for size in (0, 4095, 4096, 4097, 12288)],
    "sparse": [Entry("hole", "file", 0o644, bytes(40_000)), Entry("half", "file", 0o644, bytes(8192) + b"x" * 5000)],
    "twins": [Entry(f"{number}", "file", 0o644, noise(9000, number % 2)) for number in range(6)],
    "many": [Entry(f"d/{number:04}", "file", 0o644, b"%d" % number) for number in range(3000)],
    "names": [Entry(name, "file", 0o644, b"") for name in ("é", "\udcff\udcfe", "n" * 255, "a b", "A", "Z", "~")],
    "modules": [Entry(f"p{n % 7}/m{n}.py", "file", 0o644, b"def f%d(): pass\n" % n * n) for n in range(200)],
}


@pytest.mark.parametrize("tree", TREES)
def test_golden_hashes(tree, tmp_path):
    golden = json.loads(GOLDEN.read_text("utf-8"))
    version = "zstd " + library_version("zstd")
    if version not in golden:
        pytest.skip(f"no golden hashes for {version}")
    summary = write_image(TREES[tree], tmp_path / "image", Options(level=9, block_size=4096))  # as they were made
    assert summary.sha256 == golden[version][tree]


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_neither_threads_nor_order_show(workers, tmp_path):
    entries = [entry for name, tree in TREES.items() for entry in prefixed(name, tree)]
    expected = write_image(entries, tmp_path / "image", Options(block_size=4096, workers=1)).sha256
    for seed in range(3):
        random.Random(seed).shuffle(entries)  # noqa: S311 - the same each time
        assert write_image(entries, tmp_path / "image", Options(block_size=4096, workers=workers)).sha256 == expected


def prefixed(name, tree):
    for entry in tree:
        target = f"{name}/{entry.target}" if entry.kind == "hardlink" else entry.target
        yield Entry(f"{name}/{entry.path}", entry.kind, entry.mode, entry.source, target)


def test_the_environment_does_not_show(tmp_path):
    tree = tmp_path / "tree"
    digests = set()
    for number, (mask, settings) in enumerate(
        [
            (0o022, {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8"}),
            (0o077, {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONUTF8": "0"}),
            (0o000, {"PYTHONHASHSEED": "2", "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "TMPDIR": str(tmp_path)}),
        ]
    ):
        make(tree.with_name(f"tree{number}"), mask, backwards=bool(number % 2))
        digests.add(pack(tree.with_name(f"tree{number}"), tmp_path / "image", **settings))
    assert len(digests) == 1


def make(tree, mask, *, backwards):
    """Write files in one order or the other, under an umask."""
    names = ["é.py", "a/b.py", "a/b/c.py".replace("/", "_"), "run", "a/z"]
    before = os.umask(mask)
    try:
        for name in reversed(names) if backwards else names:
            file = tree / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{name}\n" * 1000, "utf-8")
            if name == "run":
                file.chmod(0o700 if backwards else 0o755)
    finally:
        os.umask(before)


def pack(tree, image, **settings):
    command = [sys.executable, "-m", "hatch_aleph.squashfs", "pack", tree, image, "--sha256"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return run.stdout.split()[-1]


def test_the_time_is_what_source_date_epoch_says(tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_text("a", "utf-8")
    undated = pack(tmp_path / "tree", tmp_path / "image")
    dated = pack(tmp_path / "tree", tmp_path / "image", SOURCE_DATE_EPOCH="1700000000")
    assert undated != dated
    expected = write_image(scan(tmp_path / "tree"), tmp_path / "other", Options(time=1_700_000_000))
    assert dated == expected.sha256


def test_what_is_named_first_lies_first(tmp_path):
    entries = [Entry(f"{number}", "file", 0o644, noise(5000, number)) for number in range(20)]
    options = Options(block_size=4096)
    write_image(entries, tmp_path / "image", options, first=["17", "3"])
    data = (tmp_path / "image").read_bytes()
    places = {number: data.find(noise(5000, number)[:4096]) for number in range(20)}
    assert sorted(places, key=places.__getitem__)[:2] == [17, 3]
