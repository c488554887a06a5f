"""What goes in: folders, modes, things that an image cannot hold, files that change."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hatch_aleph.squashfs import Entry, Group, Options, SquashfsError, list_image, scan, write_image


def leftovers(folder):
    return [path.name for path in folder.iterdir()]


def test_modes_follow_the_policy(tmp_path):
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    for name, mode in {"plain": 0o600, "run": 0o700, "group": 0o010}.items():
        (tree / name).write_text(name, "utf-8")
        (tree / name).chmod(mode)
    (tree / "sub").chmod(0o700)
    (tree / "link").symlink_to("plain")
    found = {entry.path: (entry.kind, entry.mode) for entry in scan(tree)}
    assert found == {
        "plain": ("file", 0o644),
        "run": ("file", 0o755),
        "group": ("file", 0o755),
        "sub": ("directory", 0o755),
        "link": ("symlink", 0o777),
    }


def test_a_prefix_goes_before_all_paths(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("b", "utf-8")
    assert [entry.path for entry in scan(tmp_path, "opt/packages/")] == ["opt/packages/a", "opt/packages/a/b"]


def test_hard_links_are_told_on_demand(tmp_path):
    (tmp_path / "a").write_text("a", "utf-8")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    assert [entry.kind for entry in scan(tmp_path)] == ["file", "file"]
    assert [(entry.kind, entry.target) for entry in scan(tmp_path, hardlinks=True)] == [
        ("file", None),
        ("hardlink", "a"),
    ]


def test_sockets_and_pipes_are_refused_by_name(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SquashfsError, match=r"pipe: is a named pipe"):
        list(scan(tmp_path))
    (tmp_path / "pipe").unlink()
    monkeypatch.chdir(tmp_path)  # a socket's path has at most 107 bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("listener")
        with pytest.raises(SquashfsError, match=r"listener: is a socket"):
            list(scan(tmp_path))


@pytest.mark.root
def test_devices_are_refused_by_name(tmp_path):
    os.mknod(tmp_path / "null", 0o20666, os.makedev(1, 3))
    with pytest.raises(SquashfsError, match=r"null: is a character device"):
        list(scan(tmp_path))


@pytest.mark.parametrize("size", [100, 500_000])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.unlink(), "cannot be read: No such file"),
        (lambda file: file.write_bytes(b"short"), "was changed while it was read"),
        (lambda file: file.write_bytes(bytes(600_000)), "was changed while it was read"),
    ],
)
def test_files_that_change_are_named_and_nothing_is_left(tmp_path, size, change, message):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "victim").write_bytes(os.urandom(size))

    def entries():
        yield Entry("victim", "file", 0o644, source / "victim")
        change(source / "victim")

    with pytest.raises(SquashfsError, match=message) as caught:
        write_image([Group(entries())], target / "image", Options(workers=2))
    assert caught.value.path == str(source / "victim")
    assert leftovers(target) == []


def test_a_large_file_of_the_same_size_is_seen_to_have_changed(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(bytes(200_000))

    def entries():
        yield Entry("file", "file", 0o644, file)
        file.write_bytes(b"1" * 200_000)
        os.utime(file, (1, 1))

    with pytest.raises(SquashfsError, match="was changed"):
        write_image([Group(entries())], tmp_path / "image")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([Entry("../a", "file", 0o644, b"")], r"'\.\.' cannot be a name"),
        ([Entry("/a", "file", 0o644, b"")], "an absolute path"),
        ([Entry("a//b", "file", 0o644, b"")], "'' cannot be a name"),
        ([Entry("a\0b", "file", 0o644, b"")], "cannot be a name"),
        ([Entry("n" * 256, "file", 0o644, b"")], "a name of 256 bytes"),
        ([Entry("\ud800", "file", 0o644, b"")], "neither text nor bytes"),
        ([Entry("a", "file", 0o644, b""), Entry("a", "file", 0o644, b"")], "a: is there twice"),
        ([Entry("a", "file", 0o644, b""), Entry("a/b", "file", 0o644, b"")], "a: is there twice"),
        ([Entry("a", "directory", 0o755), Entry("a", "directory", 0o700)], "a: a directory with two modes"),
        ([Entry("a", "file", 0o644)], "a: a file without a source"),
        ([Entry("a", "file", 0o644, Path("/nowhere/at/all"))], "/nowhere/at/all: cannot be read: No such"),
        ([Entry("a", "file", 0o644, Path("/"))], "is not a regular file"),
        ([Entry("a", "symlink", target="")], "points nowhere"),
        ([Entry("a", "symlink", target="t" * 4096)], "a symlink of 4096 bytes"),
        ([Entry("a", "hardlink", target="b")], "a hard link to 'b'"),
        ([Entry("a", "hardlink", target="b"), Entry("b", "hardlink", target="a")], "a hard link to"),
        ([Entry("a", "hardlink", target="d"), Entry("d", "directory", 0o755)], "a hard link to 'd'"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, entries, message):
    with pytest.raises(SquashfsError, match=message):
        write_image(entries, tmp_path / "image")
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codec": "brotli"}, "there is no codec 'brotli'"),
        ({"level": 23}, "zstd has no level 23"),
        ({"codec": "gzip", "level": 10}, "gzip has no level 10"),
        ({"block_size": 5000}, "a block cannot have 5000 bytes"),
        ({"block_size": 2 << 20}, "a block cannot have"),
        ({"time": -1}, "the time -1"),
        ({"workers": 0}, "at least one worker"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(SquashfsError, match=message):
        Options(**options)


def test_errors_show_names_that_no_terminal_would():
    error = SquashfsError("is odd", path="a\nb\udcff\x1b")
    assert str(error) == r"a\nb\xff\x1b: is odd"


def test_a_mode_of_its_own_for_an_implied_folder(tmp_path):
    write_image([Entry("a/b", "file", 0o644, b""), Entry("a", "directory", 0o700)], tmp_path / "image")
    assert [(member.path, member.mode) for member in list_image(tmp_path / "image")] == [("a", 0o700), ("a/b", 0o644)]
