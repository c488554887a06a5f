"""The executions of programs: started on demand, one a program, stopped when idle or amended.

Source: ``src/aleph/vm/pool.py`` and ``src/aleph/vm/models.py`` in aleph-im/aleph-vm. With ``Limits.as_real`` the pool
has the faults of the network's hosts too: while an execution stops, a request makes another one in the same folder,
which the stop of the first then deletes; and when the first has stopped, what stands under its item hash is forgotten.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from hatch_aleph.local.host.console import Console
from hatch_aleph.local.host.execution import Execution
from hatch_aleph.local.host.failures import InsufficientCapacityError
from hatch_aleph.local.host.launch import new_folder
from hatch_aleph.local.host.machine import Machine
from hatch_aleph.local.host.spec import Limits, ProgramSpec, Times

if TYPE_CHECKING:
    from pathlib import Path

Fetch = Callable[[str], Awaitable[ProgramSpec]]
# Makes a machine for a program, with its console and, where folders have numbers, its folder.
Build = Callable[[ProgramSpec, Console, "Path | None"], Machine]
# Programs of which owner and log are kept after they stopped.
_KEPT_LOGS = 100


class Record(NamedTuple):
    """What is kept of a program after its executions: the owner, and all that it printed."""

    owner: str
    console: Console


class Pool:
    """Executions by item hash.

    Args:
        fetch: Returns the program of an item hash.
        build: Makes a machine for a program.
        limits: The host's times and sizes, and whether it has the real hosts' faults.
        on_line: Gets each line that a program prints.
    """

    def __init__(
        self, fetch: Fetch, build: Build, limits: Limits, on_line: Callable[[str], None] | None = None
    ) -> None:
        self._fetch = fetch
        self._build = build
        self._limits = limits
        self._on_line = on_line
        self._creation = asyncio.Lock()
        self._numbered: Path | None = None
        # Those that the pool has forgotten may still run: they are stopped with it.
        self._alive: set[Execution] = set()
        self._stops: set[asyncio.Task[None]] = set()
        self.executions: dict[str, Execution] = {}
        self.records: dict[str, Record] = {}

    @property
    def machines(self) -> dict[str, Machine]:
        """The machines that can answer now, by item hash."""
        running = {h: each.machine for h, each in self.executions.items() if each.is_started}
        return {item_hash: machine for item_hash, machine in running.items() if machine}

    async def machine(self, item_hash: str, *, persistent: bool = False) -> Machine:
        """Return the program's machine, starting one when none runs; requests that come meanwhile wait for the same.

        Args:
            item_hash: Of the program.
            persistent: Whether one that is started now is a service of its own, without an idle limit.

        Raises:
            HatchAlephError: Whatever kept the program from starting.
        """
        execution = self.executions.get(item_hash)
        if execution is None or execution.is_stopping:
            known = execution is not None
            execution = Execution(item_hash, persistent=persistent)
            self.executions[item_hash] = execution
            self._alive.add(execution)
            execution.start = asyncio.create_task(self._start(execution, known=known), name=f"start {item_hash}")
            execution.start.add_done_callback(_retrieve)
        execution.cancel_expiry()
        assert execution.start is not None  # noqa: S101 - set with the execution
        # A client that goes away must not end the start for those who wait with it.
        return await asyncio.shield(execution.start)

    async def _start(self, execution: Execution, *, known: bool) -> Machine:
        try:
            async with self._creation if self._limits.real else nullcontext():
                while True:
                    execution.amended_meanwhile.clear()
                    spec = await self._fetch(execution.item_hash)
                    self._require_capacity(execution, spec, known=known)
                    folder = self._folder_of(execution) if self._limits.real else None
                    record = self._record_of(spec)
                    execution.machine = machine = self._build(spec, record.console, folder)
                    execution.times.prepared()
                    machine.times = execution.times
                    await machine.start()
                    if self._limits.real or execution.amended_meanwhile.isdisjoint(spec.watched):
                        return machine
                    execution.times, machine.times = Times(), Times()  # it starts once more, with what it has now
                    await machine.halt()
        except BaseException:
            self._alive.discard(execution)
            if self.executions.get(execution.item_hash) is execution:
                del self.executions[execution.item_hash]
            raise

    def _require_capacity(self, execution: Execution, spec: ProgramSpec, *, known: bool) -> None:
        """Refuse what the host has no room for (check_admission); a program that is known to the pool is let in."""
        if not self._limits.real or known:
            return
        others = [each.machine.spec for each in self.executions.values() if each is not execution and each.machine]
        memory = sum(each.memory for each in others) + spec.memory
        cores = sum(each.vcpus for each in others) + spec.vcpus
        if memory > self._limits.program_memory or cores > self._limits.virtual_cores:
            raise InsufficientCapacityError(
                f"The program needs {spec.memory} MiB and {spec.vcpus} virtual cores; with it, programs would have "
                f"{memory} of {self._limits.program_memory} MiB and {cores} of {self._limits.virtual_cores} cores.",
                where=spec.item_hash,
            )

    def _folder_of(self, execution: Execution) -> Path:
        """Return the folder of the first number that no other known execution has (get_unique_vm_id)."""
        used = {each.number for each in self.executions.values() if each is not execution}
        execution.number = next(number for number in range(4, 255**2) if number not in used)
        self._numbered = self._numbered or new_folder()
        return self._numbered / str(execution.number)

    def _record_of(self, spec: ProgramSpec) -> Record:
        record = self.records.pop(spec.item_hash, None) or Record(spec.owner, Console(self._on_line))
        self.records[spec.item_hash] = record
        while len(self.records) > _KEPT_LOGS:
            del self.records[next(iter(self.records))]
        return record

    def answered(self, item_hash: str) -> None:
        """Note an answer: the idle time begins again, and from the first one on amends stop the program."""
        execution = self.executions.get(item_hash)
        if execution is None or execution.machine is None:
            return
        if execution.is_stopping and execution.stop is None:  # it ended while it answered
            self._alive.discard(execution)
            del self.executions[item_hash]
            return
        execution.is_watched = True
        if not execution.persistent:
            execution.expire_after(self._limits.idle, lambda: self._begin_stop(execution, "it was idle"))

    def amended(self, ref: str) -> list[str]:
        """Stop the executions that follow a ref; returns their item hashes. The next request starts them amended."""
        hit = []
        for item_hash, machine in self.machines.items():
            execution = self.executions[item_hash]
            if (execution.is_watched or not self._limits.real) and ref in machine.spec.watched:
                self._begin_stop(execution, f"{ref} was amended")
                hit.append(item_hash)
        for execution in self.executions.values():
            if not execution.is_started:  # a real host misses it, and runs on what was there before
                execution.amended_meanwhile.add(ref)
        return hit

    async def stop(self, item_hash: str, reason: str = "the host was told to") -> bool:
        """Stop a program and wait for its end; returns whether it ran."""
        execution = self.executions.get(item_hash)
        if execution is None or execution.machine is None or execution.is_stopping:
            return False
        await asyncio.shield(self._begin_stop(execution, reason))
        return True

    async def stopped(self, item_hash: str) -> None:
        """Wait for the end of an execution that stops now."""
        execution = self.executions.get(item_hash)
        if execution and execution.stop:
            await asyncio.shield(execution.stop)

    def _begin_stop(self, execution: Execution, reason: str) -> asyncio.Task[None]:
        """Let an execution end to the end, also when the one who asked goes away; ``close`` waits for it."""
        if execution.stop is None:
            execution.cancel_expiry()
            execution.times.stopping()
            if not self._limits.real:  # requests from now on start another
                self.executions.pop(execution.item_hash, None)
            execution.stop = self._in_background(self._stop(execution, reason))
        return execution.stop

    async def _stop(self, execution: Execution, reason: str) -> None:
        if execution.machine:
            # A persistent program is a service of the system, which is killed: nobody tells it to halt.
            hard = self._limits.real and execution.persistent
            await (execution.machine.kill() if hard else execution.machine.halt())
            execution.machine.console.say(f"local host: stopped, because {reason}")
        self._alive.discard(execution)
        if self._limits.real:
            self.executions.pop(execution.item_hash, None)  # whichever stands there by now (forget_on_stop)

    def _in_background(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)
        return task

    async def close(self) -> None:
        """Stop all at the same time, without the pauses that a stop has otherwise."""
        for execution in list(self._alive):
            if execution.machine:
                execution.machine.hurry.set()
            if execution.start and not execution.start.done():
                execution.start.cancel()
        await asyncio.gather(*(each.start for each in self._alive if each.start), return_exceptions=True)
        for execution in list(self._alive):
            self._begin_stop(execution, "the host stops")
        await asyncio.gather(*self._stops, return_exceptions=True)
        self.records.clear()
        if self._numbered:
            shutil.rmtree(self._numbered, ignore_errors=True)


def _retrieve(task: asyncio.Task[Machine]) -> None:
    """Take a start's error, which those who waited got; when all of them left, nobody needs it."""
    if not task.cancelled():
        task.exception()
