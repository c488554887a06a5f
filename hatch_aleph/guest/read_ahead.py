"""Read no more of an image than is asked for, while the app is imported.

Imports jump about: a module here, a page of an extension there. The kernel reads 128 KiB around each such place, by
half in the neighbouring block of the image, and unpacks both blocks to use one. What reads a file from end to end,
as programs do later, gains from reading ahead; so it is put back.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


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
