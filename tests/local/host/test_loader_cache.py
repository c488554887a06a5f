"""What the loader's cache lists is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hatch_aleph.local.host.aleph_host_inside.loader_cache import without_missing

CACHE = Path("/etc/ld.so.cache")


@pytest.mark.skipif(not CACHE.exists(), reason="this C library has no cache")
@pytest.mark.parametrize("before", [b"", b"ld.so-1.7.0\0\0\0\0\0"], ids=["alone", "behind another format"])
def test_what_is_missing_is_not_listed(before, tmp_path):
    def listed(content: bytes) -> list[str]:
        file = tmp_path / "ld.so.cache"
        file.write_bytes(content)
        return subprocess.check_output(["ldconfig", "-C", str(file), "-p"], text=True).splitlines()[1:]

    def is_there(path: bytes) -> bool:
        return b"c.so" not in path

    whole = CACHE.read_bytes()
    fewer = listed(without_missing(before + whole, is_there))
    assert fewer == [line for line in listed(whole) if "c.so" not in line.partition(" => ")[2]]
    assert len(fewer) < len(listed(whole))


MAGIC = b"glibc-ld.so.cache1.1"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"of another kind",
        MAGIC,
        (MAGIC + b"\1").ljust(60, b"\0"),  # cut off in its only entry
        (MAGIC + b"\xff\xff\xff\xff").ljust(80, b"\0"),
        (MAGIC + b"\1").ljust(72, b"\1"),  # a path behind the end
    ],
    ids=["empty", "another kind", "magic alone", "cut off", "endless", "path behind the end"],
)
def test_what_is_no_such_cache_stays(content):
    assert without_missing(content, lambda _: False) == content
