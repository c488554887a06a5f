"""Item hashes in host names: both ways, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_aleph.itemhash import ITEM_HASH, from_base32, to_base32


@given(st.binary(min_size=32, max_size=32).map(bytes.hex))
def test_there_and_back(item_hash):
    label = to_base32(item_hash)
    assert ITEM_HASH.fullmatch(item_hash)
    assert len(label) <= 63
    assert label == label.lower()
    assert from_base32(label) == item_hash


@pytest.mark.parametrize("label", ["", "www", "a" * 51, "a" * 53, "1" * 52, "é" * 52])
def test_a_label_that_carries_none(label):
    assert from_base32(label) is None
