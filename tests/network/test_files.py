from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import base58
import pytest

from hatch_aleph.artifact import hash_file
from hatch_aleph.errors import ArtifactError, RejectedError
from hatch_aleph.network.answers import Limits
from hatch_aleph.network.transfer import choose_engine

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024**2


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def lengthened(tag: int, data: bytes) -> bytes:
    return bytes([tag << 3 | 2]) + varint(len(data)) + data


def cid_by_the_specification(data: bytes) -> str:
    """UnixFS in dag-pb, as `ipfs add` does it: 256 KiB leaves, 174 links a node, written from the specifications."""
    level = []
    for start in range(0, max(len(data), 1), 256 * 1024):
        chunk = data[start : start + 256 * 1024]
        unixfs = b"\x08\x02" + (lengthened(2, chunk) if chunk else b"") + b"\x18" + varint(len(chunk))
        block = lengthened(1, unixfs)
        level.append((hashlib.sha256(block).digest(), len(block), len(chunk)))
    while len(level) > 1:
        above = []
        for start in range(0, len(level), 174):
            children = level[start : start + 174]
            links = b"".join(
                lengthened(2, lengthened(1, b"\x12\x20" + digest) + lengthened(2, b"") + b"\x18" + varint(total))
                for digest, total, _ in children
            )
            size = sum(content for _, _, content in children)
            unixfs = b"\x08\x02\x18" + varint(size) + b"".join(b"\x20" + varint(content) for _, _, content in children)
            block = links + lengthened(1, unixfs)
            total = len(block) + sum(total for _, total, _ in children)
            above.append((hashlib.sha256(block).digest(), total, size))
        level = above
    return base58.b58encode(b"\x12\x20" + level[0][0]).decode()


@pytest.mark.parametrize(
    ("data", "cid"),
    [
        (b"", "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
        (b"hello world\n", "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"),
    ],
)
def test_cids_that_everybody_knows(tmp_path: Path, data: bytes, cid: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    assert hash_file(file).cid == cid == cid_by_the_specification(data)


@pytest.mark.parametrize("size", [1, 256 * 1024, 256 * 1024 + 1, MIB + 7, 174 * 256 * 1024 + 5])
def test_both_hashes_of_one_pass(tmp_path: Path, size: int) -> None:
    data = hashlib.shake_128(b"seed").digest(size)
    file = tmp_path / "file"
    file.write_bytes(data)
    hashes = hash_file(file)
    assert hashes.sha256 == hashlib.sha256(data).hexdigest() == hashes.name_on("storage")
    assert hashes.cid == cid_by_the_specification(data) == hashes.name_on("ipfs")
    assert hashes.size == size


def test_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="No such file"):
        hash_file(tmp_path / "none")


@pytest.mark.parametrize(
    ("size", "engine"), [(0, "storage"), (99 * MIB, "storage"), (100 * MIB, "ipfs"), (1024 * MIB, "ipfs")]
)
def test_engine_by_size(size: int, engine: str) -> None:
    assert choose_engine(size, Limits()) == engine


def test_too_large_for_any_engine() -> None:
    with pytest.raises(RejectedError, match=r"1,073,741,825 bytes.*1,073,741,824"):
        choose_engine(1024 * MIB + 1, Limits())


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = (
        "import sys; from hatch_aleph.network import accounts, client, messages, transfer\n"
        "print([m for m in ('httpx', 'aleph', 'aleph_message', 'pydantic', 'web3', 'aleph_cid') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
