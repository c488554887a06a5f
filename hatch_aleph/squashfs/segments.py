"""Segments: a group of files as stored, kept for other images.

A file of its own kind: the group's bytes as they will lie in an image, then an index in JSON (names, sizes, positions
from the group's start), then a footer with the index's length and digest. It is a cache between runs of one version of
this package on one machine, not a format for others.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .contents import Contents, FileData, Node
from .errors import SquashfsError

if TYPE_CHECKING:
    from typing import BinaryIO

MAGIC = b"sqshsegm"
VERSION = 1
_FOOTER = struct.Struct("<Q32s8s")  # length of the index, its digest, magic
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Segment:
    """A group on disk.

    Args:
        file: Where it is.
        look: Codec, level and block size it was written with.
        contents: Its names and where their content is in ``file``.
        sha256: Digest of its bytes.
    """

    file: Path
    look: tuple[str, int, int]
    contents: Contents
    sha256: str

    @classmethod
    def load(cls, file: Path, verify: bool = True) -> Segment:
        """Read a segment's index.

        Args:
            file: What ``write_segment`` left.
            verify: Read its bytes as well and compare their digest.

        Raises:
            SquashfsError: It is no segment, of another version, or damaged.
        """
        try:
            with Path(file).open("rb") as stream:
                index = _read_index(stream, str(file))
                if verify and _digest(stream, index["length"]) != index["sha256"]:
                    raise SquashfsError("is damaged: its bytes are not those that were written", path=str(file))
        except OSError as error:
            raise SquashfsError(f"cannot be read: {error.strerror}", path=str(file)) from error
        codec, level, block_size = index["look"]
        return cls(Path(file), (codec, level, block_size), _contents(index), index["sha256"])


def write_index(stream: BinaryIO, look: tuple[str, int, int], contents: Contents) -> str:
    """Complete a file that holds a group's bytes to a segment; return the digest of those bytes."""
    sha256 = _digest(stream, contents.length)
    stream.seek(contents.length)
    datas: dict[int, int] = {}
    kept: list[list[Any]] = []
    names: list[list[Any]] = []
    for node in contents.nodes:
        data = node.data
        if data is None:
            names.append([node.path, node.kind, node.mode, node.target])
            continue
        if id(data) not in datas:
            datas[id(data)] = len(kept)
            kept.append([data.size, data.start, data.blocks, data.fragment, data.offset, data.sparse])
        names.append([node.path, node.kind, node.mode, datas[id(data)]])
    index = {
        "version": VERSION,
        "look": look,
        "length": contents.length,
        "sha256": sha256,
        "fragments": contents.fragments,
        "data": kept,
        "names": names,
    }
    encoded = json.dumps(index, separators=(",", ":")).encode("ascii")
    stream.write(encoded)
    stream.write(_FOOTER.pack(len(encoded), hashlib.sha256(encoded).digest(), MAGIC))
    return sha256


def _read_index(stream: BinaryIO, file: str) -> dict[str, Any]:
    size = stream.seek(0, 2)
    length, digest, magic = 0, b"", b""
    if size >= _FOOTER.size:
        stream.seek(size - _FOOTER.size)
        length, digest, magic = _FOOTER.unpack(stream.read(_FOOTER.size))
    if magic != MAGIC or length > size - _FOOTER.size:
        raise SquashfsError("is no segment", path=file)
    stream.seek(size - _FOOTER.size - length)
    encoded = stream.read(length)
    if hashlib.sha256(encoded).digest() != digest:
        raise SquashfsError("is damaged: its index is not what was written", path=file)
    index: dict[str, Any] = json.loads(encoded)
    if index["version"] != VERSION:
        raise SquashfsError(f"is a segment of version {index['version']}, not {VERSION}", path=file)
    if index["length"] != size - _FOOTER.size - length:
        raise SquashfsError("is damaged: it has not the length that was written", path=file)
    return index


def _contents(index: dict[str, Any]) -> Contents:
    datas = [FileData(*data) for data in index["data"]]
    nodes = [
        Node(path, kind, mode, data=datas[last]) if kind == "file" else Node(path, kind, mode, last)
        for path, kind, mode, last in index["names"]
    ]
    return Contents(nodes, [(start, size) for start, size in index["fragments"]], index["length"])


def _digest(stream: BinaryIO, length: int) -> str:
    stream.seek(0)
    state = hashlib.sha256()
    while length:
        chunk = stream.read(min(_CHUNK, length))
        if not chunk:
            break
        state.update(chunk)
        length -= len(chunk)
    return state.hexdigest()
