"""Interpreters are found by running them, wherever they lie."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_aleph import interpreters

if TYPE_CHECKING:
    from pathlib import Path

RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the shims below are shell scripts")


def shim(folder: Path, minor: str, answer: str, code: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"python{minor}"
    file.write_text(f"#!/bin/sh\necho '{answer}'\nexit {code}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": str(tmp_path / "bin"),
        "PYENV_ROOT": str(tmp_path / "pyenv"),
        "UV_PYTHON_INSTALL_DIR": str(tmp_path / "uv"),
    }


def test_the_newest_of_all_places_is_taken(tmp_path: Path, environ: dict[str, str]) -> None:
    shim(tmp_path / "bin", "3.7", "cpython 3.7.9 final")
    newest = shim(tmp_path / "pyenv/versions/3.7.16/bin", "3.7", "cpython 3.7.16 final")
    shim(tmp_path / "uv/cpython-3.7.2/bin", "3.7", "cpython 3.7.2 final")
    assert interpreters.find("3.7", environ=environ) == interpreters.Interpreter(newest, "3.7.16")


def test_a_shim_is_asked_only_when_nothing_else_is_there(tmp_path: Path, environ: dict[str, str]) -> None:
    shim(tmp_path / "bin", RUNNING, f"cpython {RUNNING}.99 final")
    real = tmp_path / f"pyenv/versions/{RUNNING}.1/bin/python{RUNNING}"
    real.parent.mkdir(parents=True)
    real.symlink_to(sys.executable)
    found = interpreters.find(RUNNING, environ=environ)
    assert found is not None
    assert found.path == real


@pytest.mark.parametrize("answer", ["pypy 3.7.9 final", "cpython 3.7.9 candidate", "cpython 3.8.1 final", "nonsense"])
def test_what_is_no_such_cpython_is_passed_over(tmp_path: Path, environ: dict[str, str], answer: str) -> None:
    shim(tmp_path / "bin", "3.7", answer)
    assert interpreters.find("3.7", environ=environ) is None


def test_a_shim_that_refuses_is_passed_over(tmp_path: Path, environ: dict[str, str]) -> None:
    shim(tmp_path / "bin", "3.7", "cpython 3.7.9 final", code=127)
    assert interpreters.find("3.7", environ=environ) is None


def test_the_running_interpreter_serves_when_there_is_no_other(environ: dict[str, str]) -> None:
    found = interpreters.find(RUNNING, environ=environ)
    assert found is not None
    assert found.version == sys.version.split()[0]


def test_a_remembered_one_is_not_asked_again_until_it_changes(tmp_path: Path, environ: dict[str, str]) -> None:
    memory = tmp_path / "cache" / "interpreters.json"
    file = shim(tmp_path / "bin", "3.7", "cpython 3.7.9 final")
    first = interpreters.find("3.7", memory=memory, environ=environ)
    assert json.loads(memory.read_text())["3.7"]["version"] == "3.7.9"
    kept = file.stat().st_mtime_ns
    file.write_text(file.read_text().replace("3.7.9", "3.7.8"))
    os.utime(file, ns=(kept, kept))  # unnoticed: so it was not run
    assert interpreters.find("3.7", memory=memory, environ=environ) == first
    os.utime(file, ns=(kept + 1, kept + 1))
    again = interpreters.find("3.7", memory=memory, environ=environ)
    assert again is not None
    assert again.version == "3.7.8"


def test_a_removed_interpreter_and_a_damaged_memory_are_looked_up_anew(tmp_path: Path, environ: dict[str, str]) -> None:
    memory = tmp_path / "interpreters.json"
    shim(tmp_path / "bin", "3.7", "cpython 3.7.9 final")
    interpreters.find("3.7", memory=memory, environ=environ)
    shutil.rmtree(tmp_path / "bin")
    assert interpreters.find("3.7", memory=memory, environ=environ) is None
    memory.write_text("{")
    shim(tmp_path / "bin", "3.7", "cpython 3.7.10 final")
    found = interpreters.find("3.7", memory=memory, environ=environ)
    assert found is not None
    assert found.version == "3.7.10"
