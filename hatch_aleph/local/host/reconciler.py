"""Acts on what the node tells: stops programs that were amended or have ended, triggers subscribed ones.

Source: ``src/aleph/vm/orchestrator/tasks.py`` (check_payment), ``reactor.py`` and ``run.py`` in aleph-im/aleph-vm.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import HatchAlephError, NetworkError
from hatch_aleph.local.host.message_feed import is_subscribed
from hatch_aleph.local.host.scheduler import OVER
from hatch_aleph.local.host.spec import Answer, Limits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from hatch_aleph.local.host.execution_pool import Pool
    from hatch_aleph.local.host.machine import Machine
    from hatch_aleph.local.host.scheduler import Scheduler
    from hatch_aleph.local.host.source import Source


class Reconciler:
    """Keeps a pool in step with a node.

    Args:
        pool: The executions.
        source: The node.
        ready: Returns a program's machine, or the answer that says why there is none.
        notice: Gets one line for what was done.
        limits: How often it looks whether programs have ended.
        scheduler: Gets the persistent programs, where the host is the scheduler's only one.
    """

    def __init__(
        self,
        pool: Pool,
        source: Source,
        ready: Callable[[str], Awaitable[Machine | Answer]],
        notice: Callable[[str], None],
        limits: Limits,
        *,
        scheduler: Scheduler | None = None,
    ) -> None:
        self._pool = pool
        self._source = source
        self._ready = ready
        self._notice = notice
        self._limits = limits
        self._scheduler = scheduler
        self._subscribed: dict[str, tuple[dict[str, Any], ...]] = {}
        self._confirmations: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def on_message(self, message: dict[str, Any]) -> None:
        """Act on one new message."""
        content = message.get("content")
        if not isinstance(content, dict):
            return
        ref = content.get("ref")
        for item_hash in self._pool.amended(str(ref)):
            self._notice(f"{item_hash[:12]} stops: {ref} was amended")
            if self._scheduler:
                self._scheduler.wake()
        if message["type"] == "PROGRAM":
            self._subscribe(message)
            if self._scheduler:
                self._scheduler.add(message)
        if message["type"] == "FORGET" and not self._limits.real:
            self._run(self.check_all())
        for item_hash, subscriptions in list(self._subscribed.items()):
            if is_subscribed(subscriptions, message):
                self._run(self._trigger(item_hash, message))

    def _subscribe(self, message: dict[str, Any]) -> None:
        wanted = (message["content"].get("on") or {}).get("message")
        if wanted:
            self._subscribed[message["item_hash"]] = tuple(wanted)

    async def load(self) -> None:
        """Take up the programs that the node knew before; only a node of this machine is asked for all it has.

        A real host wakes a program at events only if it saw the program's publication: a restarted one never does.

        Raises:
            NetworkError: The node does not answer.
        """
        if self._scheduler:
            for known in await self._source.messages(types=("PROGRAM",), verify=False):
                message = dict(known.envelope)
                self._scheduler.add(message)
                if not self._limits.real:
                    self._subscribe(message)

    async def _trigger(self, item_hash: str, message: dict[str, Any]) -> None:
        """Run a subscribed program (run_code_on_event) with a message as it was signed, not as the node tells it."""
        message = {**message, "content": (await self._source.message(message["item_hash"])).content}
        machine = await self._ready(item_hash)
        if not isinstance(machine, Answer):
            result = await machine.event(json.dumps(message))
            self._pool.answered(item_hash)
            self._notice(f"{item_hash[:12]} took the message {message['item_hash'][:12]}: {result}")

    async def check_all(self) -> None:
        """Stop the programs whose message has ended, once that was seen often enough."""
        for item_hash in {*self._pool.executions, *self._subscribed}:
            try:
                status = await self._source.status(item_hash)
            except NetworkError:
                continue
            if status not in OVER:
                self._confirmations.pop(item_hash, None)
                continue
            count = self._confirmations.get(item_hash, 0) + 1
            self._confirmations[item_hash] = count
            if count >= self._limits.confirmations:
                del self._confirmations[item_hash]
                self._subscribed.pop(item_hash, None)
                if await self._pool.stop(item_hash, f"its message is {status}"):
                    self._notice(f"{item_hash[:12]} stops: its message is {status}")

    async def check_regularly(self) -> None:
        """Check for ever."""
        while True:
            await asyncio.sleep(self._limits.status_check)
            await self.check_all()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._reported(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reported(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except HatchAlephError as error:
            self._notice(str(error))

    async def close(self) -> None:
        """End what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
