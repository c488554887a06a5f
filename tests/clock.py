"""Time for tests in which something waits for a program."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from hatch_aleph.deploy.health import Health

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.deploy.health import Answer


H = TypeVar("H", bound=Health)


def brief(seconds: float) -> None:
    """Pause, but not as long as the network needs: the node of a test goes by a clock of its own."""
    time.sleep(min(seconds, 0.02))


class Clock:
    """Time that passes where somebody waits: as many looks come before a deadline as always, with hardly a pause."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        brief(seconds)


def hurried(get: Callable[..., Answer] | None = None, kind: type[H] = Health) -> H:
    """Return what asks programs, by such a clock."""
    clock = Clock()
    return kind(get, sleep=clock.sleep, monotonic=clock.monotonic)
