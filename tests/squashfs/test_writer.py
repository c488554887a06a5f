from __future__ import annotations

import shutil
import subprocess

import pytest

from hatch_aleph.squashfs import Entry, Group, Options, Segment, scan, unpack, verify, write_image, write_segment


def entries():
    block = 4096
    yield Entry("empty", "directory", 0o755)
    yield Entry("a/b/c/deep", "file", 0o644, b"deep")
    yield Entry("a/run", "file", 0o755, b"#!/bin/sh\n")
    yield Entry("link", "symlink", target="a/run")
    yield Entry("hard", "hardlink", target="a/run")
    yield Entry("void", "file", 0o644, b"")
    for size in (1, block - 1, block, block + 1, 2 * block, 3 * block + 7):
        yield Entry(f"sizes/{size}", "file", 0o644, bytes(index * 7 % 251 for index in range(size)))
    yield Entry("sizes/sparse", "file", 0o644, bytes(5 * block + 3))
    yield Entry("twin", "file", 0o644, bytes(index * 7 % 251 for index in range(3 * block + 7)))
    for number in range(1000):
        yield Entry(f"many/{number:05}", "file", 0o644, b"%d" % (number % 50))


@pytest.mark.parametrize("codec", ["zstd", "gzip", "xz"])
def test_an_image_unpacks_to_what_went_in(tmp_path, codec):
    image, folder = tmp_path / "image", tmp_path / "folder"
    summary = write_image(entries(), image, Options(codec=codec, block_size=4096))
    report = verify(image)
    assert report.size == summary.size == image.stat().st_size
    unpack(image, folder)
    for entry in entries():
        place = folder / entry.path
        if entry.kind == "file":
            assert place.read_bytes() == entry.source
            assert place.stat().st_mode & 0o777 == entry.mode
    assert (folder / "link").readlink().as_posix() == "a/run"
    assert (folder / "hard").samefile(folder / "a/run")
    assert (folder / "empty").is_dir()


@pytest.mark.skipif(not shutil.which("unsquashfs"), reason="needs squashfs-tools")
def test_unsquashfs_unpacks_the_same(tmp_path):
    image = tmp_path / "image"
    write_image(entries(), image, Options(block_size=4096))
    subprocess.run(["unsquashfs", "-q", "-n", "-d", tmp_path / "theirs", image], check=True)
    unpack(image, tmp_path / "ours")
    subprocess.run(["diff", "-r", "--no-dereference", tmp_path / "theirs", tmp_path / "ours"], check=True)


def test_segments_give_the_image_that_is_written_at_once(tmp_path):
    first = [entry for entry in entries() if entry.path.startswith("many/")]
    second = [entry for entry in entries() if not entry.path.startswith("many/")]
    loose = [Entry("loose.py", "file", 0o644, b"import this\n")]
    write_segment(first, tmp_path / "first")
    write_segment(second, tmp_path / "second")
    kept = [Segment.load(tmp_path / "first"), Segment.load(tmp_path / "second")]
    from_segments = write_image([*kept, *loose], tmp_path / "one")
    at_once = write_image([Group(first), Group(second), *loose], tmp_path / "two")
    assert from_segments.sha256 == at_once.sha256
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_number_of_threads_and_the_order_do_not_show(tmp_path):
    digests = {
        write_image(order(entries()), tmp_path / "image", Options(workers=workers, block_size=4096)).sha256
        for workers in (1, 2, 8)
        for order in (list, lambda items: reversed(list(items)))
    }
    assert len(digests) == 1


def test_a_scanned_folder_comes_back(tmp_path):
    write_image(entries(), tmp_path / "image", Options(block_size=4096))
    unpack(tmp_path / "image", tmp_path / "folder")
    again = write_image(scan(tmp_path / "folder", hardlinks=True), tmp_path / "again", Options(block_size=4096))
    assert again.files == sum(entry.kind in ("file", "hardlink") for entry in entries())
    verify(tmp_path / "again")
