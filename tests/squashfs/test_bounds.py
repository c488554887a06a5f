"""Images that claim more than they are: each is judged in proportion to its own size, and unpacked within bounds."""

from __future__ import annotations

import contextlib
import random
import struct
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hatch_aleph.squashfs import (
    Entry,
    Options,
    SquashfsError,
    list_image,
    metadata,
    reader,
    tree,
    unpack,
    verify,
    write_image,
)
from hatch_aleph.squashfs.reader import open_image

BLOCK = 4096
# A damaged image may take this much longer than the whole one: so many times the work for each byte, and no more.
FACTOR = 40


def noise(size, seed=0):
    return random.Random(seed).randbytes(size)  # noqa: S311 - the same each time


def small_files():
    for number in range(3000):
        yield Entry(f"p{number % 40}/m{number}.py", "file", 0o644, b"def f%d(): pass\n" % number * (number % 300))


def mixed():
    yield from small_files()
    for number in range(3):
        yield Entry(f"noise{number}", "file", 0o644, noise(100_000, number))
        yield Entry(f"hole{number}", "file", 0o644, bytes(3_000_000 + number))
        yield Entry(f"link{number}", "symlink", target="x" * 50)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return an image of half a megabyte whose tables are not compressed, so that each of their bits can be hit."""
    image = tmp_path_factory.mktemp("whole") / "image"
    real = metadata.encode_block
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metadata, "encode_block", lambda data, _compress: real(data, None))
        write_image(mixed(), image, Options(block_size=BLOCK))
    return image


def seconds(image):
    started = time.process_time()
    with contextlib.suppress(SquashfsError):
        verify(image)
    return time.process_time() - started


def judge_mutations(whole, image, chance, rounds):
    """Damage tables and superblock, a bit here and a number there."""
    content = whole.read_bytes()
    (tables,) = struct.unpack_from("<Q", content, 64)
    usual = seconds(whole)
    for _ in range(rounds):
        damaged = bytearray(content)
        for _ in range(chance.choice([1, 1, 3, 20])):
            place = chance.randrange(96) if chance.random() < 0.2 else chance.randrange(tables, len(content) - 4)
            number = chance.choice([0xFFFFFFFF, 0, 0xFFFF, 1 << 24, 1 << 31, chance.randrange(1 << 32)])
            damaged[place : place + chance.choice([1, 4])] = struct.pack("<I", number)
        image.write_bytes(damaged[: len(content)])
        assert seconds(image) < FACTOR * usual


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(chance=st.randoms(use_true_random=False))
def test_damage_costs_no_more_than_the_size(whole, tmp_path, chance):
    judge_mutations(whole, tmp_path / "image", chance, 10)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(chance=st.randoms(use_true_random=False))
def test_thousands_of_mutations(whole, tmp_path, chance):
    judge_mutations(whole, tmp_path / "image", chance, 100)


def forge(monkeypatch, change):
    """Let the writer lie: ``change`` sees each file's data before its inode is written."""
    real = tree.file_inode

    def lie(data, **fields):
        change(data)
        return real(data, **fields)

    monkeypatch.setattr(tree, "file_inode", lie)


def test_a_file_that_claims_a_petabyte(tmp_path, monkeypatch):
    def petabyte(data):
        data.size, data.sparse = 1 << 50, 1

    forge(monkeypatch, petabyte)
    write_image([Entry("a", "file", 0o644, b"x" * 5000)], tmp_path / "image", Options(block_size=BLOCK))
    for act in (verify, lambda image: unpack(image, tmp_path / "folder")):
        with pytest.raises(SquashfsError, match="damaged"):
            act(tmp_path / "image")


@pytest.mark.parametrize(
    ("size", "forged", "told"),
    [
        (BLOCK, {"size": BLOCK - 1}, "a block of another length than its file's"),
        (BLOCK + 1000, {"offset": 10_000}, "the end of a file lies past its fragment block"),
    ],
)
def test_a_file_that_does_not_fit_its_blocks(size, forged, told, tmp_path, monkeypatch):
    def lie(data):
        for name, value in forged.items():
            setattr(data, name, value)

    forge(monkeypatch, lie)
    write_image([Entry("a", "file", 0o644, noise(size))], tmp_path / "image", Options(block_size=BLOCK))
    for act in (verify, lambda image: unpack(image, tmp_path / "folder")):
        with pytest.raises(SquashfsError, match=f"is damaged: {told}"):
            act(tmp_path / "image")


def test_a_root_that_is_a_file(tmp_path):
    write_image([Entry("a", "file", 0o644, b"x")], tmp_path / "image")
    data = bytearray(tmp_path.joinpath("image").read_bytes())
    struct.pack_into("<Q", data, 32, 0)  # the first inode, which is the file's
    (tmp_path / "image").write_bytes(data)
    with pytest.raises(SquashfsError, match="is damaged: its root is no directory"):
        verify(tmp_path / "image")


def test_an_image_that_is_no_device(tmp_path):
    write_image([Entry("a", "file", 0o644, b"x")], tmp_path / "image")
    with (tmp_path / "image").open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(SquashfsError, match="bytes are no multiple of"):
        verify(tmp_path / "image")


def test_holes_stay_holes(tmp_path):
    """A thousand blocks that hold nothing, then one that does: it lies there as it does in the image."""
    content = bytes(1000 * BLOCK) + b"end"
    write_image([Entry("holes", "file", 0o644, content)], tmp_path / "image", Options(block_size=BLOCK))
    unpack(tmp_path / "image", tmp_path / "folder", limit=100)
    file = tmp_path / "folder" / "holes"
    assert file.read_bytes() == content
    if hasattr(file.stat(), "st_blocks"):
        assert file.stat().st_blocks * 512 < len(content) // 10


def test_holes_of_a_terabyte_are_judged_at_once_and_not_read(tmp_path, monkeypatch):
    blocks = 1 << 18

    def terabytes(data):
        data.blocks, data.size, data.sparse = [0] * blocks, blocks << 20, blocks << 20

    forge(monkeypatch, terabytes)
    entries = [Entry("a", "file", 0o644, b"x" * (1 << 20))]
    write_image(entries, tmp_path / "image", Options(block_size=1 << 20))
    assert verify(tmp_path / "image").content == blocks << 20
    unpack(tmp_path / "image", tmp_path / "folder")
    assert (tmp_path / "folder" / "a").stat().st_size == blocks << 20
    with open_image(tmp_path / "image") as opened:
        ((_, inode),) = opened.members()
        with pytest.raises(SquashfsError, match="malicious"):
            sum(len(piece) for piece in opened.content(inode))


def test_no_more_is_unpacked_than_allowed(tmp_path):
    """A hundred files that share their blocks take as much room as if they did not."""
    entries = [Entry(f"{number:02}", "file", 0o644, noise(50_000)) for number in range(100)]
    write_image(entries, tmp_path / "image", Options(block_size=BLOCK))
    with pytest.raises(SquashfsError, match="malicious: its files have more than 1,000,000 bytes"):
        unpack(tmp_path / "image", tmp_path / "folder", limit=1_000_000)
    assert sum(file.stat().st_size for file in (tmp_path / "folder").iterdir()) <= 1_050_000
    assert unpack(tmp_path / "image", tmp_path / "all", limit=5_000_000) == 100


def test_a_bomb_is_refused_without_being_unpacked(tmp_path, monkeypatch):
    """Equal blocks are stored once: an image of some kilobytes whose files have a thousand times as much."""
    monkeypatch.setattr(reader, "MIN_UNPACKED", 1 << 22)
    content = b"x" * (1 << 20)
    write_image(
        [Entry(f"{number:04}", "file", 0o644, content) for number in range(40)], tmp_path / "image", Options(level=1)
    )
    assert (tmp_path / "image").stat().st_size * reader.UNPACKED_OF_A_BYTE < 1 << 22
    assert verify(tmp_path / "image").content == 40 << 20  # each block of the image is read once
    with pytest.raises(SquashfsError, match="malicious"):
        unpack(tmp_path / "image", tmp_path / "folder")
    assert len(list((tmp_path / "folder").iterdir())) <= 5


def test_blocks_that_overlap(tmp_path, monkeypatch):
    """Files whose blocks begin a byte after one another's: read each by itself, they are the square of the image."""
    starts = iter(range(100, 100_000))

    def shift(data):
        data.start = next(starts)

    forge(monkeypatch, shift)
    entries = [Entry(f"{number:04}", "file", 0o644, noise(BLOCK, number % 3)) for number in range(300)]
    write_image(entries, tmp_path / "image", Options(block_size=BLOCK))
    with pytest.raises(SquashfsError, match="overlap"):
        verify(tmp_path / "image")


def test_a_listing_that_leads_in_circles(tmp_path, monkeypatch):
    """Each folder's listing is its parent's: names would never end."""
    real = tree.directory_inode
    monkeypatch.setattr(tree, "directory_inode", lambda **fields: real(**{**fields, "listing": first}))
    first = (0, 0, 0, [])
    write_image([Entry("a/b/c", "file", 0o644, b"")], tmp_path / "image")
    listing = next(iter(struct.unpack_from("<Q", (tmp_path / "image").read_bytes(), 72)))
    assert listing
    first = (0, 0, 30, [])
    write_image([Entry("a/b/c", "file", 0o644, b"")], tmp_path / "image")
    with pytest.raises(SquashfsError, match="damaged"):
        list(list_image(tmp_path / "image"))
