"""One run of a program on the host, from its definition to its end (VmExecution in aleph-im/aleph-vm)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hatch_aleph.local.host.spec import Times

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.local.host.machine import Machine


class Execution:
    """One run of a program.

    Attributes:
        persistent: It was started as a service of its own, not by a request.
        number: Of its folder, where folders have numbers.
        start: Gives the machine.
        stop: Runs while it stops.
        is_watched: Amends stop it.
        amended_meanwhile: What was amended since it began to start.
    """

    def __init__(self, item_hash: str, *, persistent: bool) -> None:
        self.item_hash = item_hash
        self.persistent = persistent
        self.number: int | None = None
        self.times = Times()
        self.machine: Machine | None = None
        self.start: asyncio.Task[Machine] | None = None
        self.stop: asyncio.Task[None] | None = None
        self.is_watched = False
        self.amended_meanwhile: set[str] = set()
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def is_stopping(self) -> bool:
        """Whether its end has begun."""
        return self.times.stopping_at is not None

    @property
    def is_started(self) -> bool:
        """Whether it can answer."""
        return self.times.started_at is not None and not self.is_stopping

    @property
    def is_running(self) -> bool:
        """Whether hosts list it as running: from its start on; one that has crashed as well, unless it is a service."""
        if self.persistent and self.machine and self.machine.has_ended:
            return False
        return self.times.starting_at is not None and not self.is_stopping

    def expire_after(self, seconds: float, expire: Callable[[], object]) -> None:
        """Let it end unless it is used again."""
        self.cancel_expiry()
        self._expiry = asyncio.get_running_loop().call_later(seconds, expire)

    def cancel_expiry(self) -> None:
        """Let it live on."""
        if self._expiry:
            self._expiry.cancel()
            self._expiry = None
