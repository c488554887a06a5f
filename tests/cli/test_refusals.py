"""What commands refuse before they ask anybody, and the small ones that never ask."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build.cache import CACHE_VARIABLE
from hatch_aleph.cli import run
from hatch_aleph.squashfs import Entry, write_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("deploy --dry-run --plan plan.json", "--dry-run and --plan exclude each other"),
        ("deploy shop.aleph.json --locked", "--locked has no effect on an artifact that is named"),
        ("plan shop.aleph.json --offline", "--offline has no effect on an artifact that is named"),
        ("node use nobody", "No node has the name nobody"),
        ("node remove nobody", "No node has the name nobody"),
        ("create . main:app --name x --size tiny", "'tiny' is no machine"),
        ("create . main:app --name x --subscriptions {", "--subscriptions is no JSON"),
        ("create . main:app --name x --subscriptions @none.json", "--subscriptions: No such file"),
    ],
)
def test_what_cannot_be_meant(
    command: str,
    said: str,
    make_project: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(make_project())
    assert run([*command.split(), "--json"]) == 64
    assert said in json.loads(capsys.readouterr().out.splitlines()[-1])["message"]


def test_init_keeps_the_entry_point_and_says_what_it_cannot_write(
    make_project: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project()
    assert run(["init", str(project), "--entrypoint", "other:app"]) == 64
    assert "[tool.aleph] already has the entry point 'main:app'" in capsys.readouterr().err
    (project / ".github").write_text("a file where a folder is needed")
    assert run(["init", str(project), "--ci", "github", "--install", "hatch-aleph"]) == 4
    assert "The file cannot be written" in capsys.readouterr().err


def test_the_cache_is_shown_pruned_and_cleared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    for command in ("show", "prune", "clear"):
        assert run(["cache", command, "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["freed"] for each in told if "freed" in each] == [0, 0]


def test_a_picture_of_an_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, picture = tmp_path / "code.squashfs", tmp_path / "sizes.html"
    write_image([Entry("main.py", "file", 0o644, b"import os\n" * 100)], image)
    assert run(["inspect", str(image), "--html", str(picture), "--json"]) == 0
    assert "main.py" in picture.read_text("utf-8")
    assert run(["inspect", str(image), "--html", str(picture / "below a file"), "--json"]) != 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["where"] == str(picture / "below a file")


def test_names_that_cannot_be_read_or_written_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "folder")
    (tmp_path / "names.json").mkdir()
    for folder, said in (("dangling", "The names cannot be written"), (".", "The names cannot be read")):
        monkeypatch.setenv("HATCH_ALEPH_CONFIG", str(tmp_path / folder))
        assert run(["alias", "add", "team", "0x" + "1" * 40, "--json"]) == 64
        assert said in json.loads(capsys.readouterr().out.splitlines()[-1])["message"]
