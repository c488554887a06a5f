"""The node as a whole: its books in one folder, its background work, its web application."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from hatch_aleph.local.node import cleaning, genesis
from hatch_aleph.local.node.accounts import Accounts
from hatch_aleph.local.node.aggregates import Aggregates
from hatch_aleph.local.node.costs import Pricer
from hatch_aleph.local.node.database import Database
from hatch_aleph.local.node.events import Events
from hatch_aleph.local.node.files import FileStore
from hatch_aleph.local.node.library import Library
from hatch_aleph.local.node.limits import SYNC_SECONDS, Limits
from hatch_aleph.local.node.processing import Processor
from hatch_aleph.local.node.rules import Books
from hatch_aleph.local.node.times import to_micros

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aiohttp import web

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
    ) -> None:
        self.folder = folder
        self.limits = limits or Limits()
        self.ipfs = ipfs
        self.sync_seconds = sync_seconds
        self.events = Events()
        self._clock = clock
        self._retry_scale = retry_scale
        self._work: asyncio.Task[None] | None = None

    def now(self) -> int:
        """Tell the present in microseconds."""
        return to_micros(self._clock())

    def open(self) -> None:
        """Open the books, clean up after a killed process, publish what the network publishes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        database = Database(self.folder / "node.sqlite")
        files = FileStore(self.folder)
        library, aggregates = Library(database), Aggregates(database)
        self.books = Books(
            database, files, library, aggregates, Accounts(database, library), Pricer(library, aggregates)
        )
        self.processor = Processor(self.books, self.now, self.events.publish, self._retry_scale)
        cleaning.sweep(self.books)
        genesis.publish(self.books)
        self.keep_house()

    async def start(self) -> None:
        """Open the books and begin the background work. Called by the application when it starts."""
        self.open()
        self._work = asyncio.create_task(self._retry_for_ever())

    async def close(self) -> None:
        """End the background work and close the books."""
        if self._work is not None:
            self._work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._work
        self.books.database.close()

    def keep_house(self) -> None:
        """Bill what messages cost, suspend what is no longer paid, remove what nobody keeps."""
        now = self.now()
        with self.books.database.transaction():
            self.books.accounts.bill(now)
            self.books.accounts.settle(now)
        cleaning.collect(self.books, now)

    def application(self) -> web.Application:
        """Make the web application: all routes of the API, the faucet and the page; it starts and closes the node."""
        from hatch_aleph.local.node.api.application import make_application

        return make_application(self)

    async def _retry_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        tidy_at = loop.time() + _HOUSEKEEPING_SECONDS
        longest = _LONGEST_SLEEP * min(max(self._retry_scale, 0.001), 1.0)
        while True:
            sleep = longest
            try:
                due = self.processor.retry_due()
                if due is not None:
                    sleep = (due - self.now()) / 10**6
                if loop.time() >= tidy_at:
                    tidy_at = loop.time() + _HOUSEKEEPING_SECONDS
                    self.keep_house()
            except Exception:  # noqa: BLE001 - whatever it was, messages wait for the next attempt
                _log.exception("the node's background work failed; it goes on")
            await asyncio.sleep(min(max(sleep, 0.001), longest))


async def serve_node(folder: Path, port: int, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve a node on 127.0.0.1 until cancelled; ``on_ready`` gets its URL. Port 0 takes a free one."""
    from aiohttp import web

    runner = web.AppRunner(Node(folder).application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        if on_ready is not None:
            on_ready(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
