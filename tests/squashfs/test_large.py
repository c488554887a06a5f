"""What takes minutes and gigabytes: files and positions past 4 GiB, a directory of 100,000 names."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import time

import pytest

from hatch_aleph.squashfs import Entry, Options, list_image, scan, verify, write_image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
GIB = 1 << 30


@pytest.fixture
def mounted(tmp_path):
    """Mount an image until the test ends."""
    points = []

    def mount(image):
        point = tmp_path / f"mounted{len(points)}"
        point.mkdir()
        subprocess.run(["mount", "-t", "squashfs", "-o", "loop,ro", image, point], check=True)
        points.append(point)
        return point

    yield mount
    for point in points:
        subprocess.run(["umount", point], check=True)


@pytest.mark.root
def test_a_file_of_five_gigabytes(tmp_path, mounted):
    tree = tmp_path / "tree"
    tree.mkdir()
    with (tree / "holes").open("wb") as file:
        for place in (0, 3 * GIB + 12345, 5 * GIB):
            file.seek(place)
            file.write(b"here %d" % place)
    write_image(scan(tree), tmp_path / "image")
    assert next(iter(list_image(tmp_path / "image"))).size == 5 * GIB + 15
    holes = mounted(tmp_path / "image") / "holes"
    assert holes.stat().st_size == 5 * GIB + 15
    assert holes.stat().st_blocks * 512 < 1 << 20
    with holes.open("rb") as file:
        for place in (0, 3 * GIB + 12345, 5 * GIB):
            file.seek(place)
            assert file.read(15).startswith(b"here %d" % place)


@pytest.mark.root
def test_positions_past_four_gigabytes(tmp_path, mounted):
    """Enough noise to push the last files, and a second group's fragments, past 32 bits."""
    tree = tmp_path / "tree"
    tree.mkdir()
    noise = os.urandom(1 << 20)
    digests = {}
    for number in range(17):
        with (tree / f"{number:02}").open("wb") as file:
            digest = hashlib.sha256()
            for piece in range(257):
                block = (b"%8d%8d" % (number, piece)) + noise[number * 1000 + piece :] + noise[: number * 1000 + piece]
                digest.update(block)
                file.write(block)
            digests[f"{number:02}"] = digest.hexdigest()
    write_image([*scan(tree), Entry("99 last", "file", 0o644, b"last")], tmp_path / "image", Options(level=1))
    assert (tmp_path / "image").stat().st_size > 4 * GIB
    point = mounted(tmp_path / "image")
    for name, expected in digests.items():
        with (point / name).open("rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        assert digest.hexdigest() == expected
    assert (point / "99 last").read_bytes() == b"last"


@pytest.mark.root
def test_a_hundred_thousand_names(tmp_path, mounted):
    names = [f"{number:06} {'n' * (number % 40)}" for number in range(100_000)]
    write_image([Entry(f"d/{name}", "file", 0o644, b"") for name in names], tmp_path / "image")
    assert verify(tmp_path / "image").members == 100_001
    point = mounted(tmp_path / "image") / "d"
    sample = random.Random(0).sample(names, 3000)  # noqa: S311 - the same each time
    start = time.perf_counter()
    for name in sample:
        assert (point / name).stat().st_size == 0
    assert time.perf_counter() - start < 3  # without an index: half of 2.9 MB of listing for each
    assert not (point / "099999 nope").exists()
    assert sorted(os.listdir(point)) == sorted(names)  # noqa: PTH208 - just the names
