"""Read what the import of the app needs of an image, no more and none too late.

Imports jump about: a module here, a page of an extension there. The kernel reads 128 KiB around each such place, by
half in the neighbouring block of the image, and unpacks both blocks to use one. What reads a file from end to end,
as programs do later, gains from reading ahead; so it is put back.

Of a pack (``packed_modules.py``) most is needed once one of its modules is. Each block of it keeps the import waiting,
for the device and for being unpacked; a second processor, where there is one, reads on meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from .native_threads import start
from .packed_modules import begun_packs

if TYPE_CHECKING:
    from collections.abc import Iterator


_PIECE = 1 << 19  # bytes; the kernel reads a MiB at once at most


@contextlib.contextmanager
def packs_ahead() -> Iterator[None]:
    """Read packs that are begun to their ends, while the app is imported, where there is a processor for it."""
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1:
        yield
        return
    reader = _Reader()
    begun_packs.append(reader.begin)
    try:
        yield
    finally:
        begun_packs.remove(reader.begin)
        reader.over = True


class _Reader:
    """A thread that reads packs one after the other, as long as there are any."""

    def __init__(self) -> None:
        self.over = False
        self._waiting: list[str] = []
        self._reads = False

    def begin(self, path: str) -> None:
        self._waiting.append(path)
        if not self._reads:  # what comes just when the last one ends waits for the next: no harm
            self._reads = True
            with contextlib.suppress(RuntimeError):  # no thread to be had, once an app has limited itself: never mind
                start(self._read)

    def _read(self) -> None:
        while self._waiting:
            with contextlib.suppress(OSError):
                self._read_pack(self._waiting.pop(0))
        self._reads = False

    def _read_pack(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for position in range(0, os.fstat(descriptor).st_size, _PIECE):
                if self.over:
                    return
                os.posix_fadvise(descriptor, position, _PIECE, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def paused(*roots: str) -> Iterator[None]:
    """Pause the reading ahead of the images that are mounted at these folders; elsewhere nothing changes."""
    before = {}
    for file in _settings(roots):
        with contextlib.suppress(OSError):  # not a guest of our own: others' disks are left alone
            with open(file, encoding="ascii") as setting:  # noqa: PTH123 - at every cold start
                before[file] = setting.read()
            _write(file, "0")
    try:
        yield
    finally:
        for file, value in before.items():
            with contextlib.suppress(OSError):
                _write(file, value)


def _settings(roots: tuple[str, ...]) -> list[str]:
    """Give the kernel's setting for each folder at which a squashfs image is mounted."""
    found = []
    with contextlib.suppress(OSError, ValueError), open("/proc/self/mountinfo", encoding="utf-8") as mounts:  # noqa: PTH123
        for line in mounts:
            mount, _, kind = line.partition(" - ")
            fields = mount.split(" ")
            if kind.startswith("squashfs ") and fields[4] in roots:
                found.append(f"/sys/dev/block/{fields[2]}/queue/read_ahead_kb")
    return found


def _write(file: str, value: str) -> None:
    with open(file, "w", encoding="ascii") as setting:  # noqa: PTH123
        setting.write(value)
