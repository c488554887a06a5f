"""Segments: a group of files as stored, kept for other images.

A file of its own kind: the group's bytes as they will lie in an image, then an index in JSON (names, sizes, positions
from the group's start), then a footer with the index's length and digest. It is a cache between runs of one version of
this package on one machine, not a format for others.
"""

from __future__ import annotations

import os
import struct

from .contents import Contents, FileData, Node
from .errors import SquashfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, BinaryIO

MAGIC = b"sqshsegm"
VERSION = 1
_FOOTER = struct.Struct("<Q32s8s")  # length of the index, its digest, magic
_CHUNK = 1 << 20


class Segment:
    """A group on disk.

    Attributes:
        file: Where it is.
        layout_key: Codec, level and block size it was written with.
        contents: Its names and where their content is in ``file``.
        sha256: Digest of its bytes.
    """

    __slots__ = ("contents", "file", "layout_key", "sha256")

    def __init__(self, file: str, layout_key: tuple[str, int, int], contents: Contents, sha256: str) -> None:
        self.file = file
        self.layout_key = layout_key
        self.contents = contents
        self.sha256 = sha256

    @classmethod
    def load(cls, file: Path | str, verify: bool = True) -> Segment:
        """Read a segment's index.

        Args:
            file: What ``write_segment`` left.
            verify: Read its bytes as well and compare their digest.

        Raises:
            SquashfsError: It is no segment, of another version, or damaged.
        """
        name = os.fspath(file)
        try:
            with open(name, "rb") as stream:  # noqa: PTH123 - without pathlib, see contents.py
                index = _read_index(stream, name)
                if verify and digest(stream, index["length"]) != index["sha256"]:
                    raise SquashfsError("is damaged: its bytes are not those that were written", path=name)
        except OSError as error:
            raise SquashfsError(f"cannot be read: {error.strerror}", path=name) from error
        codec, level, block_size = index["look"]
        return cls(name, (codec, level, block_size), _contents(index), index["sha256"])


def write_index(stream: BinaryIO, layout_key: tuple[str, int, int], contents: Contents, sha256: str) -> None:
    """Complete a file that holds a group's bytes, of a known digest, to a segment; the stream stands behind them."""
    import hashlib
    import json

    places: dict[int, int] = {}
    datas: list[list[Any]] = []
    names: list[list[Any]] = []
    for node in contents.nodes:
        data = node.data
        if data is None:
            names.append([node.path, node.kind, node.mode, node.target])
            continue
        if id(data) not in places:
            places[id(data)] = len(datas)
            datas.append([data.size, data.start, data.blocks, data.fragment, data.offset, data.sparse])
        names.append([node.path, node.kind, node.mode, places[id(data)]])
    index = {
        "version": VERSION,
        "look": layout_key,
        "length": contents.length,
        "sha256": sha256,
        "fragments": contents.fragments,
        "data": datas,
        "names": names,
    }
    encoded = json.dumps(index, separators=(",", ":")).encode("ascii")
    stream.write(encoded)
    stream.write(_FOOTER.pack(len(encoded), hashlib.sha256(encoded).digest(), MAGIC))


def digest(stream: BinaryIO, length: int) -> str:
    """Return the SHA-256 of a file's first bytes."""
    import hashlib

    stream.seek(0)
    state = hashlib.sha256()
    buffer = memoryview(bytearray(min(length, _CHUNK)))
    while length and (count := stream.readinto(buffer[: min(length, len(buffer))])):  # type: ignore[attr-defined] # every binary file has it
        state.update(buffer[:count])
        length -= count
    return state.hexdigest()


def _read_index(stream: BinaryIO, file: str) -> dict[str, Any]:
    import hashlib
    import json

    size = stream.seek(0, os.SEEK_END)
    length, expected, magic = 0, b"", b""
    if size >= _FOOTER.size:
        stream.seek(size - _FOOTER.size)
        length, expected, magic = _FOOTER.unpack(stream.read(_FOOTER.size))
    if magic != MAGIC or length > size - _FOOTER.size:
        raise SquashfsError("is no segment", path=file)
    stream.seek(size - _FOOTER.size - length)
    encoded = stream.read(length)
    if hashlib.sha256(encoded).digest() != expected:
        raise SquashfsError("is damaged: its index is not what was written", path=file)
    index: dict[str, Any] = json.loads(encoded)
    if index["version"] != VERSION:
        raise SquashfsError(f"is a segment of version {index['version']}, not {VERSION}", path=file)
    if index["length"] != size - _FOOTER.size - length:
        raise SquashfsError("is damaged: it has not the length that was written", path=file)
    return index


def _contents(index: dict[str, Any]) -> Contents:
    datas = [FileData(*data) for data in index["data"]]
    nodes = []
    for path, kind, mode, last in index["names"]:
        if kind == "file":
            data = datas[last]
            node = Node(path, kind, mode, size=data.size)
            node.data = data
        else:
            node = Node(path, kind, mode, last)
        nodes.append(node)
    return Contents(nodes, [(start, size) for start, size in index["fragments"]], index["length"])
