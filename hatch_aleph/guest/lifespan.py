"""An app's lifespan in a task of its own: entered once, open until the VM halts."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

_logger = logging.getLogger("aleph_entry")
# The init gives start-up 30 s since March 2026, the host 60 s with all imports.
START_SECONDS = 29.0
# The host kills 5 s after it asked to halt; the init before March 2026 would wait for ever.
STOP_SECONDS = 2.5
LAST_WORD_SECONDS = 0.5


class LifespanFailed(RuntimeError):  # noqa: N818 - reads as what happened, in the host's log
    """The app said that its start-up failed, or did not finish it in time."""


class Lifespan:
    """Start and stop an ASGI app once each.

    An app that raises on the lifespan scope, or returns, does not know it and runs all the same, as under uvicorn.
    """

    def __init__(self, app: Any) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self._begun = False
        self._failure: str | None = None
        self._exit: BaseException | None = None
        self._error: Exception | None = None

    async def start(self) -> None:
        """Enter the lifespan.

        Raises:
            LifespanFailed: With the app's own message.
        """
        self._events: asyncio.Queue[str] = asyncio.Queue()
        self._replied = asyncio.Event()
        self._events.put_nowait("lifespan.startup")
        self._task = asyncio.get_running_loop().create_task(self._run())
        try:
            await asyncio.wait_for(self._replied.wait(), START_SECONDS)
        except asyncio.TimeoutError:
            message = f"the app's start-up (lifespan) did not complete within {START_SECONDS:g} seconds"
            from .failure import hanging_frames, report_hanging

            report_hanging("start", message, hanging_frames(self._task.get_coro(), 0))
            self._task.cancel()
            raise LifespanFailed(message) from None
        if self._begun or (self._failure is None and self._exit is None):
            return  # what fails right after the start-up has completed does not undo it, as under uvicorn
        await asyncio.wait({self._task}, timeout=LAST_WORD_SECONDS)  # frameworks say it first, then raise
        cause = self._exit or self._error
        if cause is not None:
            from .failure import failure_of

            what = "failed" if self._exit is None else "ended the process"
            message = f"the app's start-up (lifespan) {what}: {failure_of('start', cause)}"
            raise LifespanFailed(message) from cause
        raise LifespanFailed(self._failure or "the app's start-up (lifespan) failed")

    async def stop(self) -> None:
        """Leave the lifespan; never raises, never waits longer than STOP_SECONDS."""
        if self._task is None or self._task.done():
            return
        self._replied.clear()
        self._events.put_nowait("lifespan.shutdown")
        try:
            await asyncio.wait_for(self._replied.wait(), STOP_SECONDS)
        except asyncio.TimeoutError:
            _logger.error("the app's shutdown (lifespan) did not complete within %g seconds", STOP_SECONDS)  # noqa: TRY400 - its traceback says nothing
        if self._failure is not None:
            _logger.error("the app's shutdown (lifespan) failed: %s", self._failure)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._receive, self._send)
        except (SystemExit, KeyboardInterrupt) as error:  # they would end the init, and with it the VM
            self._exit = error
        except Exception as error:  # whatever the app raises means that it has no lifespan
            self._error = error
            if self._begun:
                _logger.exception("the app's lifespan failed")
            else:
                _logger.info("the app has no lifespan", exc_info=True)
        finally:
            self._replied.set()

    async def _receive(self) -> dict[str, Any]:
        return {"type": await self._events.get()}

    async def _send(self, message: dict[str, Any]) -> None:
        self._begun = self._begun or message["type"] == "lifespan.startup.complete"
        if message["type"].endswith(".failed"):
            self._failure = message.get("message", "")
        self._replied.set()
