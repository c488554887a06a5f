"""A name stands for a whole image, whatever happens while it is written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hatch_aleph.squashfs import Entry, SquashfsError, write_image

resource = pytest.importorskip("resource", reason="Windows has no limits of this kind")

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "hatch_aleph.squashfs"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    for number in range(8):
        (folder / f"{number}").write_bytes(os.urandom(1 << 20))
    return folder


def test_an_old_image_stays_when_the_new_one_fails(tmp_path):
    write_image([Entry("a", "file", 0o644, b"old")], tmp_path / "image")
    before = (tmp_path / "image").read_bytes()
    with pytest.raises(SquashfsError):
        write_image([Entry("..", "file", 0o644, b"new")], tmp_path / "image")
    assert (tmp_path / "image").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["image"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(SquashfsError, match="image: cannot be written: No such file"):
        write_image([], tmp_path / "none" / "image")


def test_a_disk_that_is_full(tree, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))

    (tmp_path / "target").mkdir()
    run = subprocess.run(
        [*COMMAND, "pack", tree, tmp_path / "target" / "image"],
        env=ENVIRONMENT,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr == f"error: {tmp_path / 'target' / 'image'}: cannot be written: File too large\n"
    assert list((tmp_path / "target").iterdir()) == []


@pytest.mark.root
def test_a_file_system_that_is_full(tree, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], check=True)
    try:
        run = subprocess.run(
            [*COMMAND, "pack", tree, small / "image"], env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        assert (run.returncode, list(small.iterdir())) == (1, [])
        assert "No space left on device" in run.stderr
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_writer_that_is_killed(tree, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    for codec in ("zstd", "xz"):
        with subprocess.Popen(
            [*COMMAND, "pack", tree, target / "image", "--codec", codec], env=ENVIRONMENT, stdout=subprocess.DEVNULL
        ) as process:
            while not list(target.iterdir()) and process.poll() is None:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
        if process.returncode:  # else it was faster than we
            assert not (target / "image").exists()
        for left in target.iterdir():
            left.unlink()


def test_the_command_packs_lists_unpacks_and_verifies(tree, tmp_path):
    def run(*arguments):
        done = subprocess.run(
            [*COMMAND, *arguments], env=ENVIRONMENT, check=True, capture_output=True, encoding="utf-8"
        )
        return done.stdout

    image = tmp_path / "image"
    assert "8 files" in run("pack", tree, image, "--level", "1", "--workers", "2")
    assert len(run("list", image).splitlines()) == 8
    assert "whole; 8 names" in run("verify", image)
    run("unpack", image, tmp_path / "folder")
    assert (tmp_path / "folder" / "7").read_bytes() == (tree / "7").read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [
        ["pack", "/nowhere", "image"],
        ["pack", ".", "image", "--level", "99"],
        ["list", "/nowhere"],
        ["verify", __file__],
        ["unpack", __file__, "folder"],
    ],
)
def test_errors_of_the_command_are_one_line(arguments, tmp_path):
    run = subprocess.run(
        [*COMMAND, *arguments], env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1


def test_packing_imports_little(tree, tmp_path):
    """A small tree takes a quarter of a second: each of these takes a percent of it and more."""
    code = f"""
import argparse, sys
argparse.ArgumentParser(prog="x").parse_args([])  # that of Python 3.14 imports some of them itself
known = set(sys.modules)
sys.path[:] = {sys.path!r}
from hatch_aleph.squashfs.__main__ import main
main({["pack", str(tree), str(tmp_path / "image")]!r})
print(sorted({{"dataclasses", "inspect", "json", "pathlib", "shutil", "logging"}} & set(sys.modules) - known))
"""
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "[]"
