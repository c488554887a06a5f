"""List, unpack, verify: what is whole, what is damaged, what is meant to harm."""

from __future__ import annotations

import io
import random
import re
import struct
import zlib

import pytest

from hatch_aleph.squashfs import Entry, Options, SquashfsError, list_image, tree, unpack, verify, write_image
from hatch_aleph.squashfs.codec import compressor
from hatch_aleph.squashfs.metadata import MetadataReader
from hatch_aleph.squashfs.superblock import Superblock

BLOCK = 4096
ENTRIES = [
    Entry("a/b", "file", 0o755, b"#!/bin/sh\n" * 2000),
    Entry("a/c", "symlink", 0o777, target="b"),
    Entry("d", "hardlink", target="a/b"),
    Entry("e", "directory", 0o700),
]


@pytest.fixture
def image(tmp_path):
    write_image(ENTRIES, tmp_path / "image", Options(block_size=BLOCK, time=1_700_000_000))
    return tmp_path / "image"


def test_list_tells_names_in_order(image):
    found = [(member.path, member.kind, member.mode, member.size, member.target) for member in list_image(image)]
    assert found == [
        ("a", "directory", 0o755, 0, None),
        ("d", "file", 0o755, 20_000, None),
        ("e", "directory", 0o700, 0, None),
        ("a/b", "hardlink", 0o755, 0, "d"),
        ("a/c", "symlink", 0o777, 0, "b"),
    ]
    assert {member.time for member in list_image(image)} == {1_700_000_000}


def test_unpack_restores_modes_times_and_links(image, tmp_path):
    folder = tmp_path / "new" / "folder"
    assert unpack(image, folder) == 5
    assert (folder / "d").samefile(folder / "a/b")
    assert (folder / "a/c").readlink().as_posix() == "b"
    assert (folder / "e").stat().st_mode & 0o777 == 0o700
    for path in ("a", "a/b", "e"):
        assert (folder / path).stat().st_mtime == 1_700_000_000


def test_unpack_wants_an_empty_folder(image, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").symlink_to(tmp_path)
    with pytest.raises(SquashfsError, match="is not empty"):
        unpack(image, tmp_path / "full")


@pytest.mark.parametrize("name", ["..", ".", "a/../../b", "/etc"])
def test_names_that_lead_outside_are_refused(name, tmp_path, monkeypatch):
    encoded = name.encode()
    monkeypatch.setattr(tree, "_encode_name", lambda text, _path: encoded if text == "evil" else text.encode())
    write_image([Entry("evil", "file", 0o644, b"gotcha"), Entry("good", "file", 0o644, b"")], tmp_path / "image")
    with pytest.raises(SquashfsError, match="damaged or malicious"):
        unpack(tmp_path / "image", tmp_path / "folder")
    assert list((tmp_path / "folder").iterdir()) == []
    with pytest.raises(SquashfsError, match="damaged or malicious"):
        verify(tmp_path / "image")


def test_nothing_is_written_through_a_symlink(tmp_path, monkeypatch):
    """A name that is there twice, first as a link to another folder: no honest writer makes such an image."""
    outside = tmp_path / "outside"
    outside.mkdir()
    monkeypatch.setattr(tree, "_encode_name", lambda text, _path: {"trap2": b"trap"}.get(text, text.encode()))
    entries = [Entry("trap", "symlink", target=str(outside)), Entry("trap2/file", "file", 0o644, b"gotcha")]
    monkeypatch.setattr(tree.Tree, "_put", put_anyway)
    write_image(entries, tmp_path / "image")
    with pytest.raises(SquashfsError):
        unpack(tmp_path / "image", tmp_path / "folder")
    assert list(outside.iterdir()) == []


def put_anyway(self, path, child):
    """Put a child under a key of its own but the name of another."""
    folder, _, text = path.rpartition("/")
    parent = self._directories.get(folder) or self._directory(folder)
    key = type("Name", (bytes,), {"__hash__": object.__hash__, "__eq__": object.__eq__})(tree._encode_name(text, path))
    parent.children[key] = child
    parent.subfolders += child.kind == tree.DIRECTORY


def test_no_image_at_all(tmp_path):
    (tmp_path / "image").write_bytes(b"no image " * 1000)
    for act in (verify, lambda image: list(list_image(image)), lambda image: unpack(image, tmp_path / "folder")):
        with pytest.raises(SquashfsError, match="image"):
            act(tmp_path / "image")
        with pytest.raises(SquashfsError, match="cannot be read: No such file"):
            act(tmp_path / "none")


@pytest.mark.parametrize("length", [0, 50, 96, 97, 300])
def test_an_image_cut_off(image, length):
    image.write_bytes(image.read_bytes()[:length])
    with pytest.raises(SquashfsError):
        verify(image)


def test_damage_is_told_as_such(image):
    """Whatever byte is wrong, the outcome is one error or none (squashfs has no checksums), never another one."""
    whole = image.read_bytes()
    (used,) = struct.unpack_from("<Q", whole, 40)
    chance = random.Random(1)  # noqa: S311 - the same each time
    told = 0
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 1, 3])):
            damaged[chance.randrange(used)] = chance.randrange(256)
        image.write_bytes(damaged)
        try:
            verify(image)
        except SquashfsError:
            told += 1
    assert told > 50


def test_a_block_that_would_fill_the_memory_is_refused(tmp_path):
    """A frame of some bytes that claims, and has, a gigabyte of zeros."""
    image = tmp_path / "image"
    write_image([Entry("a", "file", 0o644, b"x" * 100_000)], image, Options(block_size=BLOCK))
    bomb = compressor("zstd", 1, BLOCK)(bytes(1 << 26))
    data = bytearray(image.read_bytes())
    data[100 : 100 + len(bomb)] = bomb
    image.write_bytes(data)
    with pytest.raises(SquashfsError):
        verify(image)


@pytest.mark.parametrize("codec", ["gzip", "xz"])
def test_bombs_of_other_codecs(codec, tmp_path):
    from hatch_aleph.squashfs.codec import IDS, compressor, decompressor

    bomb = compressor(codec, 1, BLOCK)(bytes(1 << 20))
    with pytest.raises(SquashfsError, match="more than 8192 bytes"):
        decompressor(IDS[codec])(bomb, 8192)
    assert decompressor(IDS[codec])(bomb, 1 << 20) == bytes(1 << 20)
    assert zlib.crc32(bomb)


def test_a_codec_that_nobody_here_reads(image):
    data = bytearray(image.read_bytes())
    struct.pack_into("<H", data, 20, 5)  # lz4
    image.write_bytes(data)
    with pytest.raises(SquashfsError, match="compressed by codec 5"):
        verify(image)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("magic", 0x71736873, "is no squashfs image"),  # of the other byte order
        ("major", 3, "it is of version 3.0, not 4.0"),
        ("minor", 1, "it is of version 4.1, not 4.0"),
        ("block_log", 13, "a block of 4096 bytes, whose logarithm is 13"),
        ("used", 1 << 40, f"{1 << 40} bytes used"),
        ("inode_table", 95, "its tables are not in order"),
        ("id_table", 96, "its tables are not in order"),
    ],
)
def test_each_field_of_the_superblock_that_cannot_be_is_told(image, field, value, words):
    data = image.read_bytes()
    block = Superblock.read(data, len(data))
    assert block.used < len(data)  # and is padded, which is no damage
    image.write_bytes(block._replace(**{field: value}).pack() + data[96:])
    with pytest.raises(SquashfsError, match=re.escape(words)):
        verify(image)


@pytest.mark.parametrize("size", [0, 8193, 32767])
def test_a_block_of_metadata_that_no_writer_makes_is_damage(size: int) -> None:
    """The format has blocks of 1 to 8192 bytes; the size and the mark of what is stored as it is are one number."""
    table = (0x8000 | size).to_bytes(2, "little") + bytes(40_000)
    reader = MetadataReader(io.BytesIO(table), 0, len(table), lambda data, _limit: data)
    with pytest.raises(SquashfsError, match=f"a block of metadata of {size} bytes"):
        reader.read((0, 0), 1)
    whole = (0x8000 | 8192).to_bytes(2, "little") + bytes(8192)
    assert MetadataReader(io.BytesIO(whole), 0, len(whole), lambda data, _limit: data).read((0, 0), 8192)[0] == bytes(
        8192
    )
