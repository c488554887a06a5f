"""How a machine fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.errors import GuestError
from hatch_aleph.settings.entry_points import START_FAILED

if TYPE_CHECKING:
    from pathlib import Path


class StartError(GuestError):
    """The program did not start; ``cause`` is what it said, a traceback when it raised."""

    def __init__(self, message: str, *, where: str, cause: str) -> None:
        super().__init__(message, where=where)
        self.cause = cause

    @property
    def is_placed(self) -> bool:
        """Whether the message names the line of the program, as the adapter's does, so that no traceback is needed."""
        return self.cause.rstrip().rpartition("\n")[2].startswith(START_FAILED)


class NoInitError(StartError):
    """The machine started, and its init was never heard of."""


class InsufficientCapacityError(GuestError):
    """The host has no room for the program."""


class ArchiveTooLargeError(GuestError):
    """Zip code or data is larger than a host passes to a VM; ``kind`` is "Program" or "Data"."""

    def __init__(self, kind: str, path: Path, limit: int) -> None:
        super().__init__(
            f"The {kind.lower()} archive is larger than the {limit:,} bytes that hosts take.",
            where=str(path),
            hint="Use a squashfs image.",
        )
        self.kind = kind


class CrashedError(GuestError):
    """The machine has ended by itself: nothing listens on its socket."""
