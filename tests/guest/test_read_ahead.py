"""The kernel reads nothing ahead of the images while the app is imported; then it does as before."""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from hatch_aleph.guest.packed_modules import begun_packs
from hatch_aleph.guest.read_ahead import packs_ahead, paused
from hatch_aleph.squashfs import Entry, write_image

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def mounted(tmp_path):
    """Mount an image with a file of eight blocks, as a guest does; give its folder and the setting of its device."""
    reason = "needs root, kernel mounts and a /sys that can be written"
    if not (IS_ROOT and shutil.which("mount")):
        pytest.skip(reason)
    write_image([Entry("file", "file", 0o644, os.urandom(8 << 17))], tmp_path / "image")
    folder = tmp_path / "packages"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "squashfs", "-o", "loop,ro", tmp_path / "image", folder], check=False).returncode:
        pytest.skip(reason)
    try:
        device = folder.stat().st_dev
        setting = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/queue/read_ahead_kb")
        try:
            before = setting.read_text()
            setting.write_text("256")
        except OSError:
            pytest.skip(reason)
        yield folder, setting
        setting.write_text(before)
    finally:
        subprocess.run(["umount", folder], check=True)


def cached(file):
    """Tell how many bytes of a file the kernel holds."""
    size, page = file.stat().st_size, mmap.PAGESIZE
    held = (ctypes.c_ubyte * (-(-size // page)))()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
    with file.open("rb") as opened:
        pages = ctypes.c_void_p(libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, opened.fileno(), 0))
    try:
        assert libc.mincore(pages, ctypes.c_size_t(size), held) == 0
    finally:
        libc.munmap(pages, ctypes.c_size_t(size))
    return page * sum(each & 1 for each in held)


@pytest.mark.parametrize("pause", [True, False])
def test_a_place_that_is_asked_for_brings_its_block_alone(mounted, pause):
    folder, setting = mounted
    with paused(str(folder)) if pause else paused(str(folder.parent)):
        assert setting.read_text() == ("0\n" if pause else "256\n")
        with (folder / "file").open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as pages:
            assert len(pages[4 << 17 : 5 << 17 : 1 << 16]) == 2  # pages of one block, as an extension's are touched
        assert (cached(folder / "file") == 1 << 17) == pause
    assert setting.read_text() == "256\n"


def test_it_is_as_before_when_the_import_fails(mounted):
    folder, setting = mounted
    with pytest.raises(ZeroDivisionError), paused("/nowhere", str(folder)):
        raise ZeroDivisionError
    assert setting.read_text() == "256\n"


def test_folders_of_the_machine_are_left_alone(tmp_path):
    """A program that runs in plain folders stands on somebody's disk."""
    files = sorted(Path("/sys/block").glob("*/queue/read_ahead_kb")) if Path("/sys/block").is_dir() else []
    before = [file.read_text() for file in files]
    with paused(str(tmp_path), "/", "/proc"):
        assert [file.read_text() for file in files] == before


@pytest.mark.parametrize("processors", [1, 2])
def test_a_pack_that_is_begun_is_read_on_where_a_processor_is_free(mounted, monkeypatch, processors):
    folder, _ = mounted
    file = folder / "file"
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
    with paused(str(folder)), packs_ahead():
        for begin in begun_packs:
            begin(str(folder / "gone"))
            begin(str(file))
        end = time.monotonic() + 10
        while begun_packs and cached(file) < file.stat().st_size and time.monotonic() < end:
            time.sleep(0.01)
    assert (cached(file) == file.stat().st_size) == (processors == 2)
    assert begun_packs == []
