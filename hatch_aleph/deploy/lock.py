"""One deployment of a project at a time: a lock that the system drops when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING

from hatch_aleph.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    # Windows locks are mandatory: a byte far behind the holder's name leaves the name readable.
    _FAR = 1 << 20

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextlib.contextmanager
def deployment_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder.

    Raises:
        PlanError: Another deployment holds it, or the folder cannot be written.
    """
    file = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        if not _try_lock(descriptor):
            raise PlanError(
                f"another deployment of this project is running ({_holder(descriptor)})",
                where=str(file),
                hint="Wait until it has ended; a lock left by a killed one frees itself.",
            )
        with contextlib.suppress(OSError):  # on a full disk the holder stays unknown; the journal tells what to do
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, json.dumps({"pid": os.getpid()}).encode())
        yield
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        return f"process {json.loads(os.read(descriptor, 200))['pid']}"
    except (ValueError, KeyError, TypeError):
        return "process unknown"


def unwritable(folder: Path, error: OSError) -> PlanError:
    """Return the error that says that the journal's folder cannot be written."""
    return PlanError(
        f"the journal of the deployment cannot be written: {error.strerror or error}",
        where=str(folder),
        hint="Without it a run that is cut off could not be finished. Make room, give the folder write permission, or "
        "name another with `--state-folder DIR` (also ALEPH_STATE_FOLDER).",
    )
