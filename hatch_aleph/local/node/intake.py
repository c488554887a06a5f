"""How a message comes in: tried while its request is served, or as late and as unsafely as on a real node.

A real node answers 202, hands the message to a queue that a broker keeps in memory, and tries it when a worker is free:
for a moment nobody knows it (404), then it is pending for as long as the jobs before it take, and a broker that
restarts loses what was acknowledged (``src/aleph/web/controllers/p2p.py`` and ``src/aleph/jobs`` in aleph-im/pyaleph).
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.local.node.processor import Attempt

if TYPE_CHECKING:
    from hatch_aleph.local.node.envelope import Message
    from hatch_aleph.local.node.processor import Processor


@dataclass(frozen=True)
class Lateness:
    """How late a node is.

    Attributes:
        unseen: Seconds for which a message is unknown.
        pending: Seconds for which it is then pending.
        loss: Part of the messages that the broker loses, from 0 to 1.
        seed: Of the chance that chooses them.
    """

    unseen: float = 0.3
    pending: float = 0.2
    loss: float = 0.0
    seed: int = 0


class Intake:
    """Takes messages from clients.

    Attributes:
        lateness: How late; None tries each at once. It may change while messages come.

    Args:
        processor: Tries them.
        lateness: As the attribute.
    """

    def __init__(self, processor: Processor, lateness: Lateness | None) -> None:
        self._processor = processor
        self.lateness = lateness
        self._chance = random.Random(lateness.seed if lateness else 0)  # noqa: S311 - a fault, not a secret
        self._queue: set[asyncio.Task[None]] = set()
        self._queued: set[str] = set()

    def submit(self, message: Message, raw: Any) -> Attempt:
        """Take one message; a late node does not know yet what becomes of it."""
        late = self.lateness
        if late is None:
            return self._processor.submit(message, raw)
        # What the broker loses never reaches the listener, which alone remembers what it has seen (incoming_channel in
        # src/aleph/services/p2p/protocol.py): the same bytes are taken when they come again.
        if self._processor.ledger.status(message.item_hash) is None and self._chance.random() < late.loss:
            return Attempt(message, "queued")
        if not self._processor.takes(message, raw) or message.item_hash in self._queued:
            return Attempt(message, "known")
        self._queued.add(message.item_hash)
        task = asyncio.create_task(self._try_later(message, late))
        self._queue.add(task)
        task.add_done_callback(self._queue.discard)
        return Attempt(message, "queued")

    async def _try_later(self, message: Message, late: Lateness) -> None:
        await asyncio.sleep(late.unseen)
        self._queued.discard(message.item_hash)
        self._processor.put_in(message, late.pending)

    async def close(self) -> None:
        """Lose what is queued, as a broker does that is stopped."""
        for task in list(self._queue):
            task.cancel()
        await asyncio.gather(*self._queue, return_exceptions=True)
