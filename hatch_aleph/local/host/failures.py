"""How a machine fails, and what hosts answer then in place of the program: ``answer`` is its status and text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hatch_aleph.errors import GuestError
from hatch_aleph.settings.entry_points import START_FAILED

if TYPE_CHECKING:
    from pathlib import Path


class StartError(GuestError):
    """The program did not start (VmSetupError); ``cause`` is what it said, a traceback when it raised."""

    answer: ClassVar = (500, "500: Error during vm initialisation")

    def __init__(self, message: str, *, where: str, cause: str) -> None:
        super().__init__(message, where=where)
        self.cause = cause

    @property
    def is_placed(self) -> bool:
        """Whether the message names the line of the program, as the adapter's does, so that no traceback is needed."""
        return self.cause.rstrip().rpartition("\n")[2].startswith(START_FAILED)


class NoInitError(StartError):
    """The machine started, and its init was never heard of (MicroVMFailedInitError)."""

    answer = (500, "500: Error during runtime initialisation")


class InsufficientCapacityError(GuestError):
    """The host has no room for the program (InsufficientResourcesError)."""

    answer: ClassVar = (503, "This CRN cannot host the requested workload at this time.")


class ArchiveTooLargeError(GuestError):
    """Zip code or data, as ``kind`` says, is larger than a host passes to a VM (FileTooLargeError)."""

    def __init__(self, kind: str, path: Path, limit: int) -> None:
        super().__init__(
            f"The {kind.lower()} archive is larger than the {limit:,} bytes that hosts take.",
            where=str(path),
            hint="Use a squashfs image.",
        )
        self.answer = (500, f"500: {kind} file too large to pass as an inline zip")


class CrashedError(GuestError):
    """The machine has ended by itself: nothing listens on its socket."""
