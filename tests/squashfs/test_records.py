"""Single records at the edges of their fields: what no image of a test is large or odd enough to hold."""

import io
import struct

import pytest

from hatch_aleph.squashfs import SquashfsError
from hatch_aleph.squashfs.contents import FileData
from hatch_aleph.squashfs.directories import read_listing, write_listing
from hatch_aleph.squashfs.inodes import FILE, file_inode
from hatch_aleph.squashfs.metadata import BLOCK, MetadataReader, MetadataWriter, encode_block

LARGEST = (1 << 32) - 1  # of the basic form
AT = {"number": 1, "mode": 0o644, "time": 0, "links": 1, "base": 96, "fragments": 0}


def table(*blocks: bytes, end: int | None = None) -> MetadataReader:
    stored = b"".join(encode_block(each, None) for each in blocks)
    return MetadataReader(io.BytesIO(stored), 0, len(stored) if end is None else end, lambda data, _: data)


@pytest.mark.parametrize(("size", "basic"), [(LARGEST, True), (LARGEST + 1, False)])
def test_a_file_takes_the_extended_form_when_it_must(size, basic):
    inode = file_inode(FileData(size, 0), **AT)
    assert struct.unpack_from("<H", inode)[0] == (FILE if basic else FILE + 7)
    assert size == (struct.unpack_from("<I", inode, 28) if basic else struct.unpack_from("<Q", inode, 24))[0]


@pytest.mark.parametrize(("start", "basic"), [(LARGEST - 96, True), (LARGEST - 95, False)])
def test_so_does_one_that_lies_far_behind(start, basic):
    assert struct.unpack_from("<H", file_inode(FileData(1, start), **AT))[0] == (FILE if basic else FILE + 7)


@pytest.mark.parametrize("short", [1, 9])
def test_a_block_that_ends_behind_its_table_is_refused(short):
    block = bytes(10)
    assert table(block, block).read((12, 0), 10) == (block, (12, 10))
    with pytest.raises(SquashfsError, match="a block of metadata of 10 bytes"):
        table(block, block, end=24 - short).read((12, 0), 10)


@pytest.mark.parametrize("before", [0, 100, BLOCK - 1])
def test_a_run_of_names_stays_within_a_block_wherever_the_listing_begins(before):
    writer = MetadataWriter(bytes)
    writer.append(bytes(before))
    names = [(b"%03d" % number + b"x" * 97, 0, number, FILE) for number in range(250)]
    start, offset, size, index = write_listing(names, writer)
    stored = writer.finish()
    reader = MetadataReader(io.BytesIO(stored), 0, len(stored), lambda data, _: data)
    assert [name for name, _ in read_listing(reader, (start, offset), size)] == [name for name, *_ in names]
    # Each block but the first has an entry, which leads to a header in it; its first name is the entry's.
    assert [block for _, block, _ in index] == [BLOCK + 2 + number * (BLOCK + 2) for number in range(len(index))]
    assert len(index) == (before + size - 1) // BLOCK
    for byte, block, name in index:
        place = (before + byte) % BLOCK
        assert (before + byte) // BLOCK == block // (BLOCK + 2)
        assert next(read_listing(reader, (block, place), size))[0] == name
