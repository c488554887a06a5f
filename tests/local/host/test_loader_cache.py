"""What the loader's cache lists is there."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from hatch_aleph.local.host.aleph_host_inside.loader_cache import without_missing


@pytest.mark.skipif(not shutil.which("ldconfig"), reason="this C library has no cache")
@pytest.mark.parametrize("form", ["new", "compat"])  # alone, behind the list of another format
def test_what_is_missing_is_not_listed(form, tmp_path):
    file = tmp_path / "ld.so.cache"
    if subprocess.run(["ldconfig", "-X", "-c", form, "-C", file], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("a cache is made by root alone")

    def listed() -> list[str]:
        return subprocess.check_output(["ldconfig", "-C", file, "-p"], text=True).splitlines()[1:]

    def is_there(path: bytes) -> bool:
        return b"c.so" not in path

    whole = listed()
    file.write_bytes(without_missing(file.read_bytes(), is_there))
    assert listed() == [line for line in whole if "c.so" not in line.partition(" => ")[2]]
    assert len(listed()) < len(whole)


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
