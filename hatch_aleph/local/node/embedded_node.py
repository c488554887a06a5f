"""The node as a whole: its state in one folder, its background work, its web application."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from hatch_aleph.local.node import garbage_collector, genesis
from hatch_aleph.local.node.aggregates import Aggregates
from hatch_aleph.local.node.balances import Balances
from hatch_aleph.local.node.costs import Pricer
from hatch_aleph.local.node.database import Database
from hatch_aleph.local.node.events import Events
from hatch_aleph.local.node.file_pins import FilePins
from hatch_aleph.local.node.file_store import FileStore
from hatch_aleph.local.node.intake import Intake, Lateness
from hatch_aleph.local.node.ledger import Ledger
from hatch_aleph.local.node.limits import SYNC_SECONDS, Limits
from hatch_aleph.local.node.processor import Processor
from hatch_aleph.local.node.pyaleph_releases import NEWEST, Release
from hatch_aleph.local.node.rules import NodeState
from hatch_aleph.local.node.times import to_micros

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger(__name__)
_HOUSEKEEPING_SECONDS = 60.0
_LONGEST_SLEEP = 1.0


class Node:
    """A core channel node for one machine.

    Args:
        folder: Where it keeps everything; made when missing.
        clock: Gives the present in seconds since 1970.
        limits: Largest uploads.
        ipfs: Whether the IPFS engine is on; there is no IPFS behind it, files are only named by their CIDs.
        retry_scale: Factor on the seconds between the attempts at a message that waits for something.
        sync_seconds: How long ``sync: true`` waits for a message that is being tried.
        lateness: How late it tries messages; None tries each while its request is served.
        release: Of pyaleph: which one it plays.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        limits: Limits | None = None,
        ipfs: bool = True,
        retry_scale: float = 1.0,
        sync_seconds: float = SYNC_SECONDS,
        lateness: Lateness | None = None,
        release: Release = NEWEST,
    ) -> None:
        self.folder = folder
        self.limits = limits or Limits()
        self.ipfs = ipfs
        self.sync_seconds = sync_seconds
        self.release = release
        self._lateness = lateness
        self.events = Events()
        self._clock = clock
        self._retry_scale = retry_scale
        self._work: asyncio.Task[None] | None = None

    def now(self) -> int:
        """Tell the present in microseconds."""
        return to_micros(self._clock())

    def open(self) -> None:
        """Open the state, clean up after a killed process, publish what the network publishes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        database = Database(self.folder / "node.sqlite")
        files = FileStore(self.folder)
        pins, aggregates = FilePins(database), Aggregates(database)
        self.state = NodeState(
            database, files, Ledger(database), pins, aggregates, Balances(database, pins), Pricer(pins, aggregates)
        )
        self.processor = Processor(self.state, self.now, self.events.publish, self._retry_scale)
        with database.transaction():
            self.state.balances.sum_up()
        self.intake = Intake(self.processor, self._lateness)
        garbage_collector.sweep(self.state)
        genesis.publish(self.state)
        self.run_maintenance()

    async def start(self) -> None:
        """Open the state and begin the background work. Called by the application when it starts."""
        self.open()
        self._work = asyncio.create_task(self._retry_for_ever())

    async def close(self) -> None:
        """End the background work and close the state."""
        if self._work is not None:
            self._work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._work
        await self.intake.close()
        self.state.database.close()

    def run_maintenance(self) -> None:
        """Bill what messages cost, suspend what is no longer paid, remove what nobody keeps."""
        now = self.now()
        with self.state.database.transaction():
            self.state.balances.bill(now)
            self.state.balances.settle(now)
        garbage_collector.collect(self.state, now)

    async def _retry_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        tidy_at = loop.time() + _HOUSEKEEPING_SECONDS
        longest = _LONGEST_SLEEP * min(max(self._retry_scale, 0.02), 1.0)
        while True:
            sleep = longest
            try:
                due = self.processor.retry_due()
                if due is not None:
                    sleep = (due - self.now()) / 10**6
                if loop.time() >= tidy_at:
                    tidy_at = loop.time() + _HOUSEKEEPING_SECONDS
                    self.run_maintenance()
            except Exception:  # noqa: BLE001 - whatever it was, messages wait for the next attempt
                _log.exception("the node's background work failed; it goes on")
            await asyncio.sleep(min(max(sleep, 0.001), longest))
