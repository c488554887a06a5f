"""A guest that is booted before there is a program for it: most of a cold start is the same for every program."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from hatch_aleph import interpreters
from hatch_aleph.errors import GuestError
from hatch_aleph.local.host.cached_folders import preloaded_folder
from hatch_aleph.local.host.launch import Launched, boot
from hatch_aleph.local.host.places import Place, is_runtimes_platform, likely_isolation

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.local.host.places import Isolation


_SOON = 0.2  # seconds


class Standby:
    """Has at most one guest that waits for a program. Each takes one program, and is never used again."""

    def __init__(self) -> None:
        self._guest: Launched | None = None
        self._kind: tuple[Path, Isolation, str] | None = None
        self._later: asyncio.TimerHandle | None = None

    def begin(self, place: Place, version: str) -> None:
        """Boot a guest of a Python minor version, unless one waits already; it goes on by itself.

        Raises:
            GuestError: The modules of the init cannot be installed.
        """
        if self._guest is None:
            self._guest, self._kind = boot(place, version), (place.python, place.isolation, version)

    def begin_soon(self, place: Place, version: str) -> None:
        """Boot a guest when what is being answered now has been."""
        if self._guest is None and self._later is None:
            self._later = asyncio.get_running_loop().call_later(_SOON, self._begin_now, place, version)

    def _begin_now(self, place: Place, version: str) -> None:
        self._later = None
        with contextlib.suppress(GuestError, OSError):  # it is to save time only: who starts a program next is told
            self.begin(place, version)

    def isolation(self) -> Isolation | None:
        """Wait until the guest is ready; return what it has shown to work on this machine, None when it has ended."""
        return self._kind[1] if self._guest and self._kind and self._guest.waits() else None

    def take(self, place: Place, version: str) -> Launched | None:
        """Hand over the guest for a program; None when there is none that fits, or it has ended."""
        guest, kind = self._guest, self._kind
        if guest is None or kind != (place.python, place.isolation, version):
            return None
        self._guest = None
        if guest.process.poll() is None:
            return guest
        guest.discard()
        return None

    def close(self) -> None:
        """End the guest that waits."""
        if self._later is not None:
            self._later.cancel()
        guest, self._guest = self._guest, None
        if guest is not None:
            guest.discard()


def boot_ahead(version: str, *, cache: Path, memory: Path) -> Standby:
    """Boot a guest for a program that is still to be made, as far as that needs nothing that is not here yet.

    What most machines allow is not probed before: the guest itself shows it.

    Args:
        version: The runtime's minor version.
        cache: Folder for what can be made again.
        memory: A file that remembers which interpreters are here.
    """
    standby = Standby()
    isolation = likely_isolation()
    found = interpreters.find(version, memory=memory) if isolation.sandbox and is_runtimes_platform() else None
    if found and preloaded_folder(version, cache.resolve()).is_dir():
        standby.begin(Place(found.base or found.path, cache.resolve(), cache.resolve(), isolation), version)
    return standby
