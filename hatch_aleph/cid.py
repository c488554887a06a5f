"""CIDs of files as IPFS's own node gives them: a file cut into chunks, and a tree of nodes over these.

The network's own library, aleph-cid, does the same in Rust and is no faster; without it the base install needs no
compiler where that has no wheel, as on musl. The tests compare both.

Sources: ipfs/specs, UNIXFS.md (nodes and leaves); ipfs/boxo, ipld/unixfs/importer/balanced/builder.go (the tree) and
importer/helpers/helpers.go (174 links a node); ipld/specs, block-layer/codecs/dag-pb.md (bytes of a node).
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

from hatch_aleph.itemhash import base32, to_base58

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHUNK = 256 * 1024
_LINKS = 174
_SHA256 = b"\x12\x20"  # as a multihash: which hash, how long
_RAW, _DAG_PB = b"\x01\x55", b"\x01\x70"  # version and codec
_VERSION_1 = re.compile(r"baf(?:kr|yb)ei[a-h][a-z2-7]{51}")  # those codecs and that hash, in base32


class _Node(NamedTuple):
    """A node of the tree: its binary CID, its bytes with those of all below it, and the file's bytes that it holds."""

    cid: bytes
    total: int
    held: int


class CidHasher:
    """Computes the CID of a file that arrives in pieces; in memory are a chunk and 100 bytes for each before it.

    Args:
        version: 0, or 1, whose leaves are the file's bytes without a frame, as ``ipfs add --cid-version=1`` has them.
    """

    def __init__(self, version: int = 0) -> None:
        self._version = version
        self._rest = bytearray()
        self._leaves: list[_Node] = []

    @classmethod
    def for_expected(cls, cid: str) -> CidHasher:
        """Return a hasher that makes CIDs of the kind of a given one.

        Raises:
            ValueError: It is none of a file that is named by its SHA-256.
        """
        if not cid.startswith("Qm") and not _VERSION_1.fullmatch(cid):
            raise ValueError("neither dag-pb nor raw bytes by SHA-256")
        return cls(version=0 if cid.startswith("Qm") else 1)

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        self._rest += data
        while len(self._rest) >= _CHUNK:
            self._leaves.append(self._leaf(self._rest[:_CHUNK]))
            del self._rest[:_CHUNK]

    def finalize(self) -> str:
        """Return the CID of all bytes so far."""
        nodes = list(self._leaves)
        if self._rest or not nodes:
            nodes.append(self._leaf(self._rest))
        while len(nodes) > 1:
            nodes = [self._parent(nodes[start : start + _LINKS]) for start in range(0, len(nodes), _LINKS)]
        root = nodes[0].cid
        return f"b{base32(root)}" if self._version else to_base58(root)

    def _leaf(self, chunk: bytearray) -> _Node:
        if self._version:
            return _Node(_RAW + _SHA256 + hashlib.sha256(chunk).digest(), len(chunk), len(chunk))
        return self._framed((), chunk)

    def _parent(self, children: list[_Node]) -> _Node:
        return self._framed(children, b"")

    def _framed(self, children: Sequence[_Node], content: bytes | bytearray) -> _Node:
        """Return the dag-pb node of a part of a file: its links, then UnixFS's message about it."""
        links = b"".join(_bytes(2, _bytes(1, each.cid) + _bytes(2, b"") + _number(3, each.total)) for each in children)
        held = len(content) + sum(each.held for each in children)
        before = _FILE + (_head(2, len(content)) if content else b"")
        after = _number(3, held) + b"".join(_number(4, each.held) for each in children)
        head = links + _head(1, len(before) + len(content) + len(after)) + before
        digest = hashlib.sha256(head)
        digest.update(content)  # apart, for copying it takes as long as a tenth of its hash
        digest.update(after)
        total = len(head) + len(content) + len(after) + sum(each.total for each in children)
        return _Node((_DAG_PB if self._version else b"") + _SHA256 + digest.digest(), total, held)


def _number(field: int, value: int) -> bytes:
    """Return a field of Protocol Buffers that is a number."""
    return bytes([field << 3]) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    """Return a field of Protocol Buffers that is bytes, or a message."""
    return _head(field, len(value)) + value


def _head(field: int, length: int) -> bytes:
    return bytes([field << 3 | 2]) + _varint(length)


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte, the eighth says that more follow
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


_FILE = _number(1, 2)
