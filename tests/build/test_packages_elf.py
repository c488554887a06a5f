"""Our reader of ELF files against another one, on the binaries of this machine, and on damaged ones."""

from __future__ import annotations

import contextlib
import io
import struct
import sys
import sysconfig
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from hatch_aleph.build.packages.elf import Elf, NotElfError, read_elf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs ELF files")


def binaries() -> list[Path]:
    found = sorted(Path(sysconfig.get_path("platlib")).rglob("*.so"))[:60]
    return [*found, Path(sys.executable).resolve()]


def judged(file: Path) -> Elf:
    with file.open("rb") as stream:
        elf = ELFFile(stream)
        dynamic = [each for each in elf.iter_segments() if each["p_type"] == "PT_DYNAMIC"]
        needed = [tag.needed for each in dynamic for tag in each.iter_tags("DT_NEEDED")]
        section = elf.get_section_by_name(".gnu.version_r")
        versions = [each.name for _, group in section.iter_versions() for each in group] if section else []
        machine = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}[elf["e_machine"]]
    return Elf(machine, tuple(needed), tuple(versions))


def test_both_find_the_same() -> None:
    found = {file: read_elf(io.BytesIO(file.read_bytes())) for file in binaries()}
    assert found == {file: judged(file) for file in found}
    assert any("libc.so.6" in elf.needed for elf in found.values())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_is_told_in_one_way(data: st.DataObject) -> None:
    binary = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 8))):
        binary[data.draw(st.integers(4, min(len(binary), 4096) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del binary[data.draw(st.integers(0, len(binary))) :]
    with contextlib.suppress(NotElfError):
        read_elf(io.BytesIO(bytes(binary)))


SMALL = min((file.read_bytes() for file in binaries()), key=len) if sys.platform == "linux" else b""


@pytest.mark.parametrize("order", "<>")
def test_a_binary_of_32_bits_without_libraries(order: str) -> None:
    content = bytearray(52 + 32)
    content[:6] = b"\x7fELF\1" + (b"\1" if order == "<" else b"\2")
    struct.pack_into(f"{order}H", content, 18, 3)
    struct.pack_into(f"{order}I", content, 28, 52)
    struct.pack_into(f"{order}HH", content, 42, 32, 1)
    struct.pack_into(f"{order}IIIII", content, 52, 1, 0, 0, 0, len(content))  # PT_LOAD alone
    assert read_elf(io.BytesIO(content)) == Elf("i386", (), ())


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"MZ" + bytes(100), b"\x7fELF" + bytes(60)])
def test_what_is_none(content: bytes) -> None:
    with pytest.raises(NotElfError):
        read_elf(io.BytesIO(content))
