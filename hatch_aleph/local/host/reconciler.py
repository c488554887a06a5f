"""Acts on what the node tells: stops amended and ended programs, starts persistent ones, triggers subscribed ones."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import HatchAlephError, NetworkError
from hatch_aleph.local.host.message_feed import is_subscribed
from hatch_aleph.local.host.spec import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from hatch_aleph.local.host.machine import Machine
    from hatch_aleph.local.host.pool import Pool
    from hatch_aleph.local.host.source import Source

# Message statuses after which a program is no longer to run.
_OVER = frozenset({"rejected", "forgotten", "removed"})


class Reconciler:
    """Keeps a pool in step with a node.

    Args:
        pool: The machines.
        source: The node.
        ready: Returns a program's machine, or the answer that says why there is none.
        notice: Gets one line for what was done.
        schedules: Start persistent programs, as the network's scheduler would on this host.
    """

    def __init__(
        self,
        pool: Pool,
        source: Source,
        ready: Callable[[str], Awaitable[Machine | Answer]],
        notice: Callable[[str], None],
        *,
        schedules: bool,
    ) -> None:
        self._pool = pool
        self._source = source
        self._ready = ready
        self._notice = notice
        self._schedules = schedules
        self._subscribed: dict[str, tuple[dict[str, Any], ...]] = {}
        self._persistent: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def on_message(self, message: dict[str, Any]) -> None:
        """Act on one new message."""
        content = message.get("content")
        if not isinstance(content, dict):
            return
        ref = content.get("ref")
        for item_hash in self._pool.amended(str(ref)):
            self._notice(f"{item_hash[:12]} stops: {ref} was amended")
        if message["type"] == "PROGRAM":
            self._register(message)
        if message["type"] == "FORGET":
            self._run(self.check_all())
        for item_hash, subscriptions in list(self._subscribed.items()):
            if is_subscribed(subscriptions, message):
                self._run(self._trigger(item_hash, message))

    def _register(self, message: dict[str, Any]) -> None:
        on = message["content"].get("on") or {}
        if on.get("message"):
            self._subscribed[message["item_hash"]] = tuple(on["message"])
        if on.get("persistent") and self._schedules:
            self._persistent.add(message["item_hash"])
            self._run(self._start(message["item_hash"]))

    async def load(self) -> None:
        """Take up the programs that the node knew before; only a node of this machine is asked for all it has.

        Raises:
            NetworkError: The node does not answer.
        """
        if self._schedules:
            for message in await self._source.programs():
                self._register(message)

    async def _start(self, item_hash: str) -> None:
        if not isinstance(await self._ready(item_hash), Answer):
            self._pool.answered(item_hash)

    async def _trigger(self, item_hash: str, message: dict[str, Any]) -> None:
        """Run a subscribed program (run_code_on_event)."""
        machine = await self._ready(item_hash)
        if not isinstance(machine, Answer):
            told = await machine.event(json.dumps(message))
            self._pool.answered(item_hash)
            self._notice(f"{item_hash[:12]} took the message {message['item_hash'][:12]}: {told}")

    async def check_all(self) -> None:
        """Stop the programs whose message is over, and start persistent ones that crashed."""
        for item_hash in [*self._pool.machines, *self._persistent, *self._subscribed]:
            try:
                status = await self._source.status(item_hash)
            except NetworkError:
                continue
            if status in _OVER:
                self._persistent.discard(item_hash)
                self._subscribed.pop(item_hash, None)
                if await self._pool.stop(item_hash):
                    self._notice(f"{item_hash[:12]} stops: its message is {status}")
            elif item_hash in self._persistent and item_hash not in self._pool.machines:
                await self._start(item_hash)

    async def check_regularly(self, seconds: float) -> None:
        """Check for ever."""
        while True:
            await asyncio.sleep(seconds)
            await self.check_all()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._told(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except HatchAlephError as error:
            self._notice(str(error))

    async def close(self) -> None:
        """End what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
