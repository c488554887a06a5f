"""The command line of the package alone."""

from __future__ import annotations

import pytest

from hatch_aleph.squashfs.__main__ import USAGE, main
from hatch_aleph.squashfs.superblock import Superblock


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "-file").write_bytes(b"content" * 9000)
    return folder


def test_each_option_in_both_spellings(tree, tmp_path, capsys):
    given = ["pack", "--codec=gzip", "--level", "3", str(tree), "--block-size=4096", str(tmp_path / "image")]
    assert main([*given, "--workers", "1", "--hard-links", "--sha256"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(f"{tmp_path / 'image'}: 1 files, 63,000 bytes in ")
    assert len(told[1]) == 64
    image = (tmp_path / "image").read_bytes()
    head = Superblock.read(image[:96], len(image))
    assert (head.compressor, head.block_size) == (1, 4096)


def test_list_verify_unpack(tree, tmp_path, capsys):
    image = str(tmp_path / "image")
    assert [main(["pack", str(tree), image]), main(["list", image]), main(["verify", image])] == [0, 0, 0]
    assert "0644        63000 -file" in capsys.readouterr().out
    assert main(["unpack", image, str(tmp_path / "back")]) == 0
    assert (tmp_path / "back/-file").read_bytes() == b"content" * 9000


def test_a_path_that_begins_with_a_dash(tree, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tree.rename(tmp_path / "-tree")
    assert main(["pack", "--level", "1", "--", "-tree", "-image"]) == 0
    assert (tmp_path / "-image").is_file()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["pak", "a", "b"], "there is no command 'pak'"),
        (["pack", "a"], "pack takes 2 paths, not 1"),
        (["list"], "list takes 1 path, not 0"),
        (["list", "--level", "3", "a"], "there is no option --level here"),
        (["pack", "a", "b", "--levle=3"], "there is no option --levle here"),
        (["pack", "a", "b", "-l"], "there is no option -l here"),
        (["pack", "a", "b", "--level"], "--level needs a value"),
        (["pack", "a", "b", "--workers=many"], "--workers needs a value"),
        (["pack", "a", "b", "--sha256=yes"], "there is no option --sha256 here"),
    ],
)
def test_a_wrong_command_line_says_what_is_right(given, told, capsys):
    assert main(given) == 2
    lines = capsys.readouterr().err
    assert lines.startswith(f"error: {told}")
    assert lines.endswith(USAGE)


def test_help(capsys):
    assert (main(["--help"]), main(["pack", "-h"]), main([])) == (0, 0, 2)
    assert capsys.readouterr().out == USAGE * 3


def test_an_option_out_of_its_range_is_one_line(tree, tmp_path, capsys):
    assert main(["pack", str(tree), str(tmp_path / "image"), "--codec", "lzo"]) == 1
    assert capsys.readouterr().err == "error: there is no codec 'lzo' (one of: zstd, gzip, xz)\n"


def test_a_time_that_is_none_is_one_line(tree, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "today")
    assert main(["pack", str(tree), str(tmp_path / "image")]) == 1
    assert capsys.readouterr().err == "error: SOURCE_DATE_EPOCH is 'today', which is no number of seconds\n"
