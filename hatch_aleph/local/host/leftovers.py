"""The folders of machines, and what a host that was killed has left of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from hatch_aleph.local.host.memory import MemoryGroup

_PREFIX = "hatch-aleph-vm-"
_OWNER = "owner"


def new_folder() -> Path:
    """Return a new folder for one machine, marked as this process's, after clearing those of processes that ended."""
    _clear_once()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    (folder / _OWNER).write_text(str(os.getpid()))
    return folder


@cache
def _clear_once() -> None:
    clear(Path(tempfile.gettempdir()))


def clear(parent: Path) -> None:
    """Remove the machines' folders and control groups whose host is gone; the kernel has ended the machines with it."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            owner = int((folder / _OWNER).read_text())
        except (OSError, ValueError):
            continue  # of another user, or being made just now
        if not _lives(owner):
            MemoryGroup.named(folder.name).remove()
            shutil.rmtree(folder, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
