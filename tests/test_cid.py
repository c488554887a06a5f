"""CIDs are those of the network's own library, whatever the size of the file and of the pieces that it arrives in."""

import random
from functools import cache
from itertools import cycle

import aleph_cid
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hatch_aleph.cid import CidHasher

CHUNK = 256 * 1024
LINKS = 174  # of a node
JUDGES = {0: aleph_cid.CidHasher.for_ipfs, 1: aleph_cid.CidHasher.for_ipfs_v1_raw_leaves}


@cache
def data() -> bytes:
    return random.Random(18).randbytes(CHUNK * (LINKS + 1))  # noqa: S311 - no secret


def cid(hasher, content, pieces=(CHUNK * LINKS * 2,)) -> str:
    view, start, sizes = memoryview(content), 0, cycle(pieces)
    while start < len(content):
        hasher.update(bytes(view[start : start + (size := next(sizes))]))
        start += size
    return hasher.finalize()


@pytest.mark.parametrize("version", JUDGES)
@pytest.mark.parametrize(
    "size",
    [*range(2), *(count * CHUNK + more for count in (1, 2) for more in (-1, 0, 1)), LINKS * CHUNK, LINKS * CHUNK + 1],
)
def test_at_the_edges_of_chunks_and_nodes(version, size):
    view = memoryview(data())[:size]
    assert cid(CidHasher(version), view) == cid(JUDGES[version](), view)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 3 * CHUNK), st.lists(st.integers(1, 2 * CHUNK), min_size=1, max_size=5), st.sampled_from([0, 1]))
def test_however_it_arrives(size, pieces, version):
    pieces = [max(each, 1 + size // 100) for each in pieces]
    assert cid(CidHasher(version), data()[:size], pieces) == cid(JUDGES[version](), data()[:size])


@pytest.mark.slow  # 8 GB are hashed twice
def test_a_tree_of_three_levels():
    ours, judge = CidHasher(), aleph_cid.CidHasher.for_ipfs()
    for _ in range(LINKS * LINKS + 1):
        ours.update(data()[:CHUNK])
        judge.update(data()[:CHUNK])
    assert ours.finalize() == judge.finalize()


@pytest.mark.parametrize(
    "expected",
    [
        cid(CidHasher(0), b"x"),
        cid(CidHasher(1), b"x"),
        cid(CidHasher(1), b"x" * 2 * CHUNK),
        "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH",
        "bafybeif7ztnhq65lumvvtr4ekcwd2ifwgm3awq4zfr3srh462rwyinlb4",  # a letter short
        "bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",  # of no file
        "bafkqaaa",
        "b",
        "",
    ],
)
def test_the_kind_is_that_of_the_expected_one(expected):
    try:
        judge = cid(aleph_cid.CidHasher.for_expected(expected), b"x")
    except ValueError:
        with pytest.raises(ValueError):
            CidHasher.for_expected(expected)
    else:
        assert cid(CidHasher.for_expected(expected), b"x") == judge


def test_it_goes_on_after_it_was_asked():
    hasher = CidHasher()
    hasher.update(b"a")
    assert hasher.finalize() == hasher.finalize() == cid(CidHasher(), b"a")
    hasher.update(b"b")
    assert hasher.finalize() == cid(CidHasher(), b"ab")
