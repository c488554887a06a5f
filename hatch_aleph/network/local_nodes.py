"""The nodes that run on this machine: each notes where it listens in the user's folder as long as it runs."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from hatch_aleph.files import write_atomic
from hatch_aleph.preferences import preferences_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONNECT_SECONDS = 0.5


@contextlib.contextmanager
def noted(port: int) -> Iterator[None]:
    """Note that a node of this process listens on a port of 127.0.0.1, until it ends; a killed one is found out."""
    file = _folder() / str(port)
    with contextlib.suppress(OSError):  # then it is not found, and --node URL reaches it as before
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomic(file, f"{os.getpid()}\n", mode=0o600)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.unlink()


def running_node() -> str | None:
    """Return the URL of the node on this machine that was started last, None when none runs."""
    try:
        files = sorted(_folder().iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
    except OSError:
        return None
    return next((f"http://127.0.0.1:{file.name}" for file in files if file.name.isdigit() and _runs(file)), None)


def _folder() -> Path:
    return preferences_folder() / "running"


def _runs(file: Path) -> bool:
    import socket

    try:
        process = int(file.read_text("ascii"))
        if os.name == "posix":  # elsewhere a signal would end it
            os.kill(process, 0)
        socket.create_connection(("127.0.0.1", int(file.name)), _CONNECT_SECONDS).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True
