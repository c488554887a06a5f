"""Waiting with back-off: look, pause, look again, until something is there or a deadline has passed.

Clock and sleep come in from outside, so that tests pass hours in no time.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

# The process's own generator belongs to the caller: who seeded it gets the same numbers with waits between them.
_chance = random.Random()  # noqa: S311 - jitter, not a secret


@dataclass(frozen=True)
class Backoff:
    """Pauses that grow.

    Attributes:
        first: Seconds of the first pause.
        longest: Seconds that no pause exceeds.
        growth: Factor from one pause to the next.
    """

    first: float
    longest: float
    growth: float = 1.5

    def __iter__(self) -> Iterator[float]:
        """Yield pauses without end, in seconds."""
        pause = min(self.first, self.longest)
        while True:
            yield pause
            pause = min(pause * self.growth, self.longest)


class Waiter(NamedTuple):
    """Passes time.

    Attributes:
        sleep: Pauses for some seconds.
        monotonic: A clock in seconds that only runs forward.
        jitter: Gives a number from 0 to 1, by which pauses are spread: many clients do not come back at once.
    """

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = _chance.random

    def spread(self, pause: float) -> float:
        """Return a pause, shortened by up to a half at random."""
        return pause * (0.5 + self.jitter() / 2)

    def poll(self, look: Callable[[float], T | None], seconds: float, backoff: Backoff) -> T | None:
        """Look until there is something, and return it.

        Args:
            look: Gets the seconds left, returns None as long as there is nothing. It is always called once.
            seconds: Until the deadline.
            backoff: The pauses between looks.

        Returns:
            What ``look`` found; None if the next look would come after the deadline.
        """
        end = self.monotonic() + seconds
        for pause in backoff:
            found = look(end - self.monotonic())
            if found is not None:
                return found
            if self.monotonic() + pause > end:
                break
            self.sleep(self.spread(pause))
        return None
