"""The Python that runs programs here: one of the runtime's minor version."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from hatch_aleph import interpreters
from hatch_aleph.errors import GuestError


@cache
def find(version: str, chosen: Path | None = None) -> Path:
    """Return an interpreter of a minor version such as "3.11".

    Args:
        version: The runtime's minor version.
        chosen: An interpreter the user named; no other is looked for.

    Raises:
        GuestError: None was found, or the chosen one is of another version.
    """
    found = interpreters.ask(chosen) if chosen else interpreters.find(version)
    if found is None and not chosen and interpreters.bring(version) is None:
        found = interpreters.find(version)
    if found is None or found.version.rpartition(".")[0] != version:
        wrong = f"{chosen} is not a CPython {version}" if chosen else f"no CPython {version} was found"
        raise GuestError(
            f"{wrong}, which is what the runtime runs",
            where="local host",
            hint=f"Get one with `uv python install {version}`, or name one with --python.",
        )
    return _itself(found.path)


def _itself(path: Path) -> Path:
    """Return the interpreter's own path.

    What PATH has may be a version manager's slow script, or belong to a virtual environment in a folder that is not
    visible behind the walls.
    """
    command = [str(path), "-I", "-S", "-c", "import sys; print(getattr(sys, '_base_executable', sys.executable))"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 and done.stdout.strip() else path
