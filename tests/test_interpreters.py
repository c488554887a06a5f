"""Interpreters are found by running them, wherever they lie."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
import tarfile
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


@pytest.mark.parametrize(
    "damaged", ["{", "5", '{"3.7": 5}', '{"3.7": {"path": 5}}', "[" * 100_000], ids=lambda text: text[:20]
)
def test_a_removed_interpreter_and_a_damaged_memory_are_looked_up_anew(
    tmp_path: Path, environ: dict[str, str], damaged: str
) -> None:
    memory = tmp_path / "interpreters.json"
    shim(tmp_path / "bin", "3.7", "cpython 3.7.9 final")
    interpreters.find("3.7", memory=memory, environ=environ)
    shutil.rmtree(tmp_path / "bin")
    assert interpreters.find("3.7", memory=memory, environ=environ) is None
    memory.write_text(damaged)
    shim(tmp_path / "bin", "3.7", "cpython 3.7.10 final")
    found = interpreters.find("3.7", memory=memory, environ=environ)
    assert found is not None
    assert found.version == "3.7.10"
    assert json.loads(memory.read_text())["3.7"]["version"] == "3.7.10"


def download(folder: Path, version: str) -> dict[str, str]:
    """Return variables that make uv take a version from an archive of ours."""
    minor = version.rpartition(".")[0]
    root = folder / "python"
    shim(root / "bin", minor, f"cpython {version} final")
    (root / "bin/python").symlink_to(f"python{minor}")
    settings = root / f"lib/python{minor}/_sysconfigdata__linux_x86_64-linux-gnu.py"
    settings.parent.mkdir(parents=True)
    settings.write_text("# system configuration generated and used by the sysconfig module\nbuild_time_vars = {}\n")
    archive = folder / "python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(root, "python")
    entry = {
        "name": "cpython", "arch": {"family": "x86_64", "variant": None}, "os": "linux", "libc": "gnu",
        "major": int(minor.split(".")[0]), "minor": int(minor.split(".")[1]), "patch": int(version.split(".")[2]),
        "prerelease": "", "variant": None, "build": "20250101",
        "url": archive.as_uri(), "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
    }  # fmt: skip
    listing = folder / "downloads.json"
    listing.write_text(json.dumps({f"cpython-{version}-linux-x86_64-gnu": entry}))
    return {"UV_PYTHON_DOWNLOADS_JSON_URL": listing.as_uri()}


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="the archive is for one platform")
def test_uv_brings_one_that_is_not_here(tmp_path: Path, environ: dict[str, str]) -> None:
    environ = {**os.environ, **environ, **download(tmp_path, "3.7.16")}
    assert interpreters.find("3.7", environ=environ) is None
    assert interpreters.bring("3.7", environ=environ) is None
    found = interpreters.find("3.7", environ=environ)
    assert found is not None
    assert found.version == "3.7.16"
    assert tmp_path / "uv" in found.path.parents


def test_why_none_is_brought(environ: dict[str, str]) -> None:
    told = interpreters.bring("3.99", environ={**os.environ, **environ})
    assert told is not None
    assert "No download found" in told
    told = interpreters.bring("3.99", environ={**environ, "UV_PYTHON_DOWNLOADS": "never"})
    assert told == "UV_PYTHON_DOWNLOADS forbids to get one"


def test_what_does_not_run_is_no_interpreter(tmp_path: Path, environ: dict[str, str]) -> None:
    broken = tmp_path / "bin" / f"python{RUNNING}"
    broken.parent.mkdir()
    broken.write_bytes(b"no program")
    broken.chmod(0o755)
    assert interpreters.ask(broken) is None
    assert interpreters.ask(tmp_path / "absent") is None
    found = interpreters.find(RUNNING, environ=environ)  # this machine's own: the broken one is passed over
    assert found is not None
    assert found.path != broken
