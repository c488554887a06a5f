"""The ASGI app that the guest's init calls: hands everything on to the program behind it."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
from typing import TYPE_CHECKING, Any

from .eager_task import start_eagerly
from .interpreter_setup import StandardOutput
from .native_threads import start
from .request_cycle import ClientGone, Deadline, RequestCycle
from .response import finish, plain
from .scope import complete_scope

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from .programs import Program
    from .volume_flush import VolumeFlush

_logger = logging.getLogger("aleph_entry")
# At halt: requests that are still running, the program's own stop, handlers of atexit. The host kills after 5 s.
FINISH_SECONDS = 1.0
ATEXIT_SECONDS = 0.5


class Entry:
    """One per VM.

    Args:
        program: What answers.
        seconds: How long the host waits for an answer.
        volumes: Writes the persistent volumes, if there are any.
    """

    def __init__(self, program: Program, seconds: float, volumes: VolumeFlush | None = None) -> None:
        self._program = program
        self._state = getattr(program, "state", {})  # one mapping for as long as the VM lives
        self._volumes = volumes
        self._deadline = Deadline(max(seconds - min(1.0, seconds / 10), 0.1))
        self._output = StandardOutput() if StandardOutput.is_swapped() else None
        self._running: set[RequestCycle] = set()
        self._started = False

    def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Coroutine[Any, Any, None]:
        """Take one call of the init: start-up, halt, a request or a subscribed message."""
        if self._output is not None:
            self._output.restore()
        kind = scope["type"]
        if kind == "http":
            return self._http(scope, receive, send)
        return self._lifespan(receive, send) if kind == "lifespan" else self._event(receive, send)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        event = (await receive())["type"]
        if event == "lifespan.shutdown":
            await self._stop()
        elif not self._started:
            await self._start()
        await send({"type": f"{event}.complete"})

    async def _start(self) -> None:
        try:
            await self._program.start()
        except Exception as error:
            _report("start", error.__cause__ or error)
            raise
        self._started = True

    async def _stop(self) -> None:
        tasks = [cycle.task for cycle in self._running if cycle.task]
        if tasks:
            await asyncio.wait(tasks, timeout=FINISH_SECONDS)
        try:
            await self._program.stop()
        except Exception as error:  # noqa: BLE001 - at halt nothing may hold up the VM
            _report("shutdown", error)
        await _run_exit_handlers()
        if self._volumes is not None:
            self._volumes.stop()
        os.chdir("/")  # the init unmounts the code

    async def _http(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if not self._started:
            await self._start()
        body = (await receive())["body"]
        loop = asyncio.get_running_loop()
        cycle = RequestCycle(complete_scope(scope, body, self._state), body, self._deadline, loop)
        self._running.add(cycle)
        cycle.task = start_eagerly(loop, self._answer(cycle), "request")  # a number for each costs more
        status, headers, answer = await cycle.answered
        if self._volumes is not None and (unwritten := await self._volumes.flush()):
            status, headers, answer = finish(scope["method"], *plain(500, f"{unwritten}\n"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer, "more_body": False})

    async def _answer(self, cycle: RequestCycle) -> None:
        """Run the program for one request; nothing that it raises gets past here (SystemExit would end the init)."""
        try:
            await self._program.answer(cycle)
        except ClientGone:
            pass  # the answer was given in the app's place
        except BaseException as error:  # noqa: BLE001
            if not (isinstance(error, asyncio.CancelledError) and cycle.answered.done()):
                _report(cycle.event, error)
            cycle.fail()
        else:
            if not cycle.answered.done():
                await asyncio.sleep(0)  # a thread's last word may still be on its way
                if not cycle.answered.done():
                    _report(cycle.event, RuntimeError("the app returned without completing its answer"))
                    cycle.fail()
        finally:
            self._running.discard(cycle)

    async def _event(self, receive: Any, send: Any) -> None:
        """Pass a subscribed message on, and answer in the app's place if need be: else the init waits for ever."""
        if not self._started:
            await self._start()
        answer = None
        try:
            answer = await self._program.event((await receive())["body"])
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the app may not know such events
            _report("message", error)
        if answer is None:
            answer = {"type": "aleph.message.response", "error": "the program did not take the message"}
        if self._volumes is not None and (unwritten := await self._volumes.flush()):
            answer = {"type": "aleph.message.response", "error": unwritten}
        await send(answer)


def _report(event: str, error: BaseException) -> None:
    from .failure import report  # few requests fail

    report(event, error)


async def _run_exit_handlers() -> None:
    """Run what the app registered with ``atexit``: the VM is switched off, so Python's own exit never comes."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def run() -> None:
        atexit._run_exitfuncs()  # noqa: SLF001 - there is no public name
        loop.call_soon_threadsafe(done.set)

    start(run)
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(done.wait(), ATEXIT_SECONDS)
