"""Reads of an ELF file what tells whether it will load: machine, needed libraries, symbol versions.

Only the dynamic segment is read, as the loader does, so sections may be stripped. Structures: the System V ABI, "ELF
Header", "Program Header", "Dynamic Section"; for symbol versions the Linux Standard Base, "Version Requirements".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

MACHINES = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv"}

_SMALLEST = 52  # bytes of a 32-bit ELF header
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NEEDED, _DT_STRTAB, _DT_STRSZ, _DT_VERNEED, _DT_VERNEEDNUM = 1, 5, 10, 0x6FFFFFFE, 0x6FFFFFFF
_MAX_TABLE = 64 << 20  # bytes; no real string table or header comes near


class NotElfError(Exception):
    """This is no ELF file, or a damaged one."""


@dataclass(frozen=True)
class Elf:
    """What a binary wants.

    Attributes:
        machine: As the kernel names it, or ``machine NUMBER``.
        needed: Names of libraries.
        versions: Names of symbol versions, such as ``GLIBC_2.17``.
    """

    machine: str
    needed: tuple[str, ...]
    versions: tuple[str, ...]


def read_elf(stream: BinaryIO) -> Elf:
    """Read a binary.

    Raises:
        NotElfError: It is something else, or damaged.
    """
    try:
        return _read(stream)
    except (struct.error, ValueError, OverflowError, OSError) as error:
        raise NotElfError(str(error)) from error


def _read(stream: BinaryIO) -> Elf:
    head = stream.read(64)
    if len(head) < _SMALLEST or head[:4] != b"\x7fELF" or head[4] not in (1, 2) or head[5] not in (1, 2):
        raise NotElfError("no ELF header")
    wide, order = head[4] == 2, "<>"[head[5] - 1]  # noqa: PLR2004 - ELFCLASS64
    (number,) = struct.unpack_from(f"{order}H", head, 18)
    machine = MACHINES.get(number, f"machine {number}")
    offset, size, count = _program_headers(head, order, wide=wide)
    stream.seek(offset)
    headers = stream.read(min(size * count, _MAX_TABLE))
    segments = [_segment(headers, index * size, order, wide=wide) for index in range(count)]
    dynamic = next((each for each in segments if each[0] == _PT_DYNAMIC), None)
    if dynamic is None:
        return Elf(machine, (), ())
    stream.seek(dynamic[1])
    content = stream.read(min(dynamic[3], _MAX_TABLE))
    form = struct.Struct(f"{order}qQ" if wide else f"{order}iI")
    tags = list(form.iter_unpack(content[: len(content) // form.size * form.size]))
    values = dict(reversed(tags))
    strings = _at(stream, segments, values.get(_DT_STRTAB, 0), values.get(_DT_STRSZ, 0))
    needed = tuple(_text(strings, value) for tag, value in tags if tag == _DT_NEEDED)
    versions: tuple[str, ...] = ()
    if _DT_VERNEED in values:
        table = _at(stream, segments, values[_DT_VERNEED], _MAX_TABLE)
        versions = _versions(table, values.get(_DT_VERNEEDNUM, 0), strings, order)
    return Elf(machine, needed, versions)


def _program_headers(head: bytes, order: str, *, wide: bool) -> tuple[int, int, int]:
    """Return position, size and number of the program headers."""
    (offset,) = struct.unpack_from(f"{order}Q" if wide else f"{order}I", head, 32 if wide else 28)
    size, count = struct.unpack_from(f"{order}HH", head, 54 if wide else 42)
    return offset, size, count


def _segment(table: bytes, position: int, order: str, *, wide: bool) -> tuple[int, int, int, int]:
    """Return type, position in the file, address and size in the file of a segment."""
    if wide:
        kind, _, offset, address, _, size = struct.unpack_from(f"{order}IIQQQQ", table, position)
    else:
        kind, offset, address, _, size = struct.unpack_from(f"{order}IIIII", table, position)
    return kind, offset, address, size


def _at(stream: BinaryIO, segments: list[tuple[int, int, int, int]], address: int, size: int) -> bytes:
    """Return what a loaded file has at an address."""
    for kind, offset, start, length in segments:
        if kind == _PT_LOAD and start <= address < start + length:
            stream.seek(offset + address - start)
            return stream.read(min(size, start + length - address, _MAX_TABLE))
    raise NotElfError("an address outside of all segments")


def _versions(table: bytes, count: int, strings: bytes, order: str) -> tuple[str, ...]:
    found: list[str] = []
    position = 0
    for _ in range(count):
        _, entries, _, first, following = struct.unpack_from(f"{order}HHIII", table, position)
        inner = position + first
        for _ in range(entries):
            _, _, _, name, after = struct.unpack_from(f"{order}IHHII", table, inner)
            found.append(_text(strings, name))
            inner += after
            if not after:
                break
        position += following
        if not following:
            break
    return tuple(found)


def _text(strings: bytes, position: int) -> str:
    end = strings.index(b"\0", position)
    return strings[position:end].decode("utf-8", "replace")
