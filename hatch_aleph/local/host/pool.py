"""The machines that run now: started on demand, one a program, stopped when idle or amended.

Source: ``src/aleph/vm/pool.py`` and ``src/aleph/vm/models.py`` in aleph-im/aleph-vm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.local.host.machine import Machine, State
from hatch_aleph.local.host.spec import Limits, ProgramSpec

if TYPE_CHECKING:
    from hatch_aleph.local.host.console import Console

Fetch = Callable[[str], Awaitable[ProgramSpec]]
Build = Callable[[ProgramSpec], Machine]
# Programs of which a record is kept after they stopped.
_KEPT_RECORDS = 100


@dataclass(frozen=True)
class Record:
    """What is kept of a program's last start."""

    owner: str
    console: Console


class Pool:
    """Machines by item hash.

    Args:
        fetch: Returns the program of an item hash.
        build: Makes a machine for a program.
        limits: How long a machine may be idle.
    """

    def __init__(self, fetch: Fetch, build: Build, limits: Limits) -> None:
        self._fetch = fetch
        self._build = build
        self._limits = limits
        self._starts: dict[str, asyncio.Task[Machine]] = {}
        self._machines: dict[str, Machine] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}
        self._watched: set[str] = set()
        self._ends: set[asyncio.Task[None]] = set()
        self.records: dict[str, Record] = {}

    @property
    def machines(self) -> dict[str, Machine]:
        """The machines that run, by item hash."""
        return {item_hash: machine for item_hash, machine in self._machines.items() if machine.state is State.running}

    async def machine(self, item_hash: str) -> Machine:
        """Return the program's machine, starting one when none runs; requests that come meanwhile wait for the same.

        Raises:
            HatchAlephError: Whatever kept the program from starting.
        """
        running = self._machines.get(item_hash)
        if running and running.state is State.running:
            return running
        start = self._starts.get(item_hash)
        if start is None:
            start = asyncio.create_task(self._start(item_hash), name=f"start {item_hash}")
            self._starts[item_hash] = start
            start.add_done_callback(lambda task: self._started(item_hash, task))
        # A client that goes away must not end the start for those who wait with it.
        return await asyncio.shield(start)

    async def _start(self, item_hash: str) -> Machine:
        machine = self._build(await self._fetch(item_hash))
        self._keep_record(item_hash, Record(machine.spec.owner, machine.console))
        await machine.start()
        crashed = self._machines.get(item_hash)
        if crashed:
            self._end(crashed.halt())
        self._machines[item_hash] = machine
        return machine

    def _started(self, item_hash: str, task: asyncio.Task[Machine]) -> None:
        self._starts.pop(item_hash, None)
        if not task.cancelled():
            task.exception()  # told to those who waited; when all of them left, nobody needs it

    def _keep_record(self, item_hash: str, record: Record) -> None:
        self.records.pop(item_hash, None)
        self.records[item_hash] = record
        while len(self.records) > _KEPT_RECORDS:
            del self.records[next(iter(self.records))]

    def answered(self, item_hash: str) -> None:
        """Note an answer: the idle time begins anew, and from the first one on amends are heeded."""
        machine = self._machines.get(item_hash)
        if machine is None:
            return
        self._watched.add(item_hash)
        self._forget_expiry(item_hash)
        if not machine.spec.persistent:
            loop = asyncio.get_running_loop()
            self._expiries[item_hash] = loop.call_later(self._limits.idle, self.stop_soon, item_hash)

    def amended(self, ref: str) -> list[str]:
        """Stop the machines that follow a ref; returns their item hashes. The next request starts them amended."""
        hit = [h for h, m in self.machines.items() if h in self._watched and ref in m.spec.watched]
        for item_hash in hit:
            self.stop_soon(item_hash)
        return hit

    def stop_soon(self, item_hash: str) -> None:
        """Stop a machine in the background; requests from now on start another."""
        machine = self._take(item_hash)
        if machine:
            self._end(machine.halt())

    async def stop(self, item_hash: str) -> bool:
        """Stop a machine and wait for its end; returns whether there was one."""
        machine = self._take(item_hash)
        if machine:
            await asyncio.shield(self._end(machine.halt()))
        return machine is not None

    async def kill(self, item_hash: str) -> None:
        """Stop a machine at once, whatever it is doing."""
        machine = self._take(item_hash)
        if machine:
            await asyncio.shield(self._end(machine.kill()))

    def _end(self, ending: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let a machine end to the end, also when whoever asked for it goes away; ``close`` waits for it."""
        task = asyncio.create_task(ending)
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)
        return task

    def _take(self, item_hash: str) -> Machine | None:
        self._forget_expiry(item_hash)
        self._watched.discard(item_hash)
        return self._machines.pop(item_hash, None)

    def _forget_expiry(self, item_hash: str) -> None:
        expiry = self._expiries.pop(item_hash, None)
        if expiry:
            expiry.cancel()

    async def close(self) -> None:
        """Stop all: starts that are under way, then machines, at the same time."""
        starts = list(self._starts.values())
        for start in starts:
            start.cancel()
        await asyncio.gather(*starts, return_exceptions=True)
        ends: list[Awaitable[Any]] = [self.stop(item_hash) for item_hash in list(self._machines)]
        await asyncio.gather(*ends, *self._ends, return_exceptions=True)
        self.records.clear()
