"""Answered means kept: what a program wrote is on its persistent volumes before its answer leaves.

A host stops a persistent program by killing its VM (``src/aleph/vm/controllers`` in aleph-im/aleph-vm): nothing is
told to halt, nothing is unmounted, and what the kernel had not written yet is gone. So is the last commit of SQLite:
the removal of its journal was not written, and the next start rolls back what the journal holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import queue
from pathlib import Path
from typing import TYPE_CHECKING

from .native_threads import start

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Optional

    _Waiting = Optional[tuple[asyncio.AbstractEventLoop, asyncio.Future[str]]]

_logger = logging.getLogger("aleph_entry")
PERIOD = 1.0  # seconds between two looks for what was written without a request


class VolumeFlush:
    """Writes volumes to their devices, in a thread of its own: for answers that wait, and once a second.

    Answers that come while a flush runs share the next one, which begins after all that they wrote.

    Args:
        mounts: Where the volumes are mounted.
    """

    def __init__(self, mounts: Iterable[str]) -> None:
        self._mounts = list(mounts)
        self._waiting: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()
        self._syncfs = ctypes.CDLL(None, use_errno=True).syncfs
        start(self._run)

    async def flush(self) -> str:
        """Return when all that was written so far is on the volumes: "", or what could not be written."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str] = loop.create_future()
        self._waiting.put((loop, done))
        return await done

    def stop(self) -> None:
        """End the thread: an open folder would keep the init from unmounting."""
        self._waiting.put(None)

    def _run(self) -> None:
        dirtied, active = _pages_dirtied(), False
        while True:
            waiting: list[_Waiting] = []
            with contextlib.suppress(queue.Empty):
                waiting.append(self._waiting.get(timeout=PERIOD))
                while True:
                    waiting.append(self._waiting.get_nowait())
            if not waiting:
                # What follows a write, such as the removal of a journal, dirties no page: one look more covers it.
                before, was_active = dirtied, active
                dirtied = _pages_dirtied()
                active = dirtied != before
                if not active and not was_active:
                    continue
            error = self._flush_all()
            for one in filter(None, waiting):
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    one[0].call_soon_threadsafe(_resolve, one[1], error)
            if None in waiting:
                return

    def _flush_all(self) -> str:
        told = [self._flush(mount) for mount in self._mounts]  # one that fails is no reason to leave the others
        return next(filter(None, told), "")

    def _flush(self, mount: str) -> str:
        try:
            folder = os.open(mount, os.O_RDONLY)
            failed = self._syncfs(folder)
            code = ctypes.get_errno()
            os.close(folder)
        except OSError as error:
            failed, code = True, error.errno or 0
        if not failed:
            return ""
        text = f"The volume {mount} cannot be written: {os.strerror(code)}."
        _logger.error(text)
        return text


def _resolve(done: asyncio.Future[str], error: str) -> None:
    if not done.done():
        done.set_result(error)


def _pages_dirtied() -> str:
    """Return the kernel's count of pages that were changed and belong to a device (``nr_dirtied`` of proc(5))."""
    try:
        return Path("/proc/vmstat").read_text(encoding="ascii").partition("nr_dirtied ")[2].partition("\n")[0]
    except OSError:
        return ""


def own_devices(mounts: Iterable[str]) -> list[str]:
    """Return the mounts that have a device of their own, as in the VM.

    A host that shows a folder of its machine instead would flush that machine's whole disk (field four of
    ``/proc/self/mountinfo`` is what is shown of a file system; field five is where).
    """
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    whole = {fields[4] for fields in map(str.split, lines) if fields[3] == "/"}
    return [mount for mount in mounts if mount.replace(" ", "\\040") in whole]
