"""Atomic files and folders, and where the user's folders are."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from hatch_aleph.files import (
    atomic_file,
    atomic_folder,
    atomic_path,
    cache_folder,
    sha256_of,
    state_folder,
    write_atomic,
)


def test_a_file_is_whole_with_its_mode_and_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b.txt"
    write_atomic(file, "é\n\r\n")
    assert file.read_bytes() == "é\n\r\n".encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    write_atomic(file, b"\0", durable=True, mode=0o600)
    assert file.read_bytes() == b"\0"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "x"
    write_atomic(file, "old")
    with suppress(ValueError), atomic_file(file) as stream:
        stream.write(b"new")
        raise ValueError("half")
    with suppress(KeyboardInterrupt), atomic_path(file) as unfinished:
        unfinished.write_text("new")
        raise KeyboardInterrupt
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("kept")
    (tmp_path / "link").symlink_to("target")
    write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "target").read_text() == "kept"
    assert not (tmp_path / "link").is_symlink()


def test_a_name_of_any_length(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 255)
    write_atomic(file, "long")
    assert file.read_text() == "long"


def test_many_writers_of_one_file(tmp_path: Path) -> None:
    file = tmp_path / "x"
    texts = [str(number) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=write_atomic, args=(file, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read_text() in texts
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_is_whole_and_the_first_stays(tmp_path: Path) -> None:
    final = tmp_path / "a" / "made"
    with suppress(ValueError), atomic_folder(final) as folder:
        (folder / "x").write_text("half")
        raise ValueError("half")
    assert not any(final.parent.iterdir())
    with atomic_folder(final) as late, atomic_folder(final) as first:
        (first / "x").write_text("first")
        (late / "x").write_text("late")
    assert (final / "x").read_text() == "first"
    assert list(final.parent.iterdir()) == [final]


def test_hash(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256_of(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("variable", "folder"),
    [
        ("HATCH_ALEPH_CACHE", cache_folder),
        ("ALEPH_STATE_FOLDER", state_folder),
    ],
)
def test_variables_name_the_users_folders(monkeypatch, tmp_path, variable, folder) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    assert folder() == tmp_path
    monkeypatch.setenv(variable, "~/x")
    assert folder() == Path.home() / "x"
    monkeypatch.setenv(variable, "")
    assert folder().is_absolute()


@pytest.mark.skipif(os.name == "nt", reason="XDG")
def test_the_systems_places(monkeypatch, tmp_path) -> None:
    for variable in ("HATCH_ALEPH_CACHE", "ALEPH_STATE_FOLDER"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    assert cache_folder() == tmp_path / "c" / "hatch-aleph"
    assert state_folder() == tmp_path / "s" / "hatch-aleph"
