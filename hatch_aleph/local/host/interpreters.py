"""Finds a Python of the runtime's minor version on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.errors import GuestError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ASK = "import sys; print('%d.%d' % sys.version_info[:2], sys.implementation.name, sys.executable, sep='\\n')"


@cache
def find(version: str, chosen: Path | None = None) -> Path:
    """Return an interpreter of a minor version such as "3.11".

    Args:
        version: The runtime's minor version.
        chosen: An interpreter the user named; no other is looked for.

    Raises:
        GuestError: None was found, or the chosen one is of another version.
    """
    candidates = [chosen] if chosen else _candidates(version)
    for candidate in candidates:
        interpreter = _itself(candidate, version)
        if interpreter:
            return interpreter
    raise GuestError(
        f"{chosen} is not a CPython {version}"
        if chosen
        else f"no CPython {version} was found, and the runtime runs it",
        where="local host",
        hint=f"get one with `uv python install {version}`, or name one with --python",
    )


def _candidates(version: str) -> Iterator[Path]:
    """Look where uv does, on PATH, and among pyenv's."""
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield Path(on_path)
    found = _ask_uv(version)
    if found:
        yield found
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted((root / "versions").glob(f"{version}*/bin/python{version}"), reverse=True)


def _ask_uv(version: str) -> Path | None:
    from uv import find_uv_bin

    try:
        uv = find_uv_bin()
    except FileNotFoundError:
        return None
    command = [uv, "python", "find", "--no-project", "--no-python-downloads", version]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 and done.stdout.strip() else None


def _itself(candidate: Path, version: str) -> Path | None:
    """Ask an interpreter for its version and its own path: what PATH has may be a version manager's script."""
    try:
        done = subprocess.run([candidate, "-I", "-S", "-c", _ASK], capture_output=True, text=True, check=False)
    except OSError:
        return None
    found, implementation, path = (done.stdout.splitlines() or [""] * 3)[:3]
    return Path(path) if done.returncode == 0 and (found, implementation) == (version, "cpython") else None
