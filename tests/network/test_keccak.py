"""The address of the own key is hashed without pycryptodome, whose import takes longer: what comes out is the same."""

import pytest
from Crypto.Hash import keccak

from hatch_aleph.network.signatures import keccak_256


@pytest.mark.parametrize("size", [0, 1, 40, 64, 134, 135, 136, 137, 271, 272, 273, 1000])
def test_it_hashes_as_the_library_does(size):
    """Also where one more byte makes one more block."""
    data = bytes(7 * at % 251 for at in range(size))
    assert keccak_256(data) == keccak.new(digest_bits=256, data=data).digest()


def test_it_is_ethereums_and_not_sha_3():
    """The digest of nothing, as the yellow paper has it."""
    assert keccak_256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
