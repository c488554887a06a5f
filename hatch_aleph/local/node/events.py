"""What happens to messages, told to who waits for it: requests with ``sync: true``, websockets, the retry task."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_aleph.local.node.processor import Attempt

_BACKLOG = 1000


class Events:
    """Hands each attempt at a message to every listener; one that does not read loses the oldest."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Attempt]] = set()

    def publish(self, attempt: Attempt) -> None:
        """Tell all listeners, without waiting for any."""
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(attempt)

    @contextlib.contextmanager
    def listen(self) -> Iterator[asyncio.Queue[Attempt]]:
        """Open a queue of all that happens from now on."""
        queue: asyncio.Queue[Attempt] = asyncio.Queue(_BACKLOG)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    async def next_of(self, item_hash: str, seconds: float) -> Attempt | None:
        """Wait for the next attempt at one message; None when there is none in time."""
        with self.listen() as queue:
            deadline = asyncio.get_running_loop().time() + seconds
            while (left := deadline - asyncio.get_running_loop().time()) > 0:
                try:
                    attempt = await asyncio.wait_for(queue.get(), left)
                except asyncio.TimeoutError:
                    return None
                if attempt.message.item_hash == item_hash:
                    return attempt
        return None
