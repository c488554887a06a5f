"""Any program that listens on a port, in any language: started, watched, restarted, and proxied to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from .command import command_line, environment
from .loopback import raise_loopback
from .proxy import BrokenAnswer, Gone, Upstream, listening_ports

if TYPE_CHECKING:
    from .configuration import Configuration
    from .request_cycle import RequestCycle

PROCESS = b"aleph-process"  # header that tells of the process where nothing listens
_logger = logging.getLogger("aleph_entry")
# The init gives start-up 30 s; a program that needs longer is waited for by its first requests.
START_SECONDS = 25.0
# A worker that is not expected to listen has started when it has lived this long.
ALIVE_SECONDS = 1.0
STOP_SECONDS, CHILDREN_SECONDS = 2.5, 0.5
ENDING_SECONDS = 0.2
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
# A process that ran this long was well: its next crash is a first one again.
SETTLED = 30.0


class ExecutableFailed(RuntimeError):  # noqa: N818 - reads as what happened, in the host's log
    """The program ended before it listened."""


class Executable:
    """One process and the requests that are passed to it.

    Args:
        line: The command line; its first word is a file of the code image or a command on the path.
        configuration: Where the images and the port are.
    """

    def __init__(self, line: str, configuration: Configuration) -> None:
        self._configuration = configuration
        self._environment = environment(configuration)
        self._command = command_line(line, configuration.code_root, self._environment)
        self._upstream = Upstream(configuration.port)
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._silent = ""  # why nothing can be asked, while nothing listens

    async def start(self) -> None:
        """Start the process and wait until it listens.

        Raises:
            ExecutableFailed: When it ends instead.
        """
        raise_loopback()
        process = await self._spawn()
        ended = asyncio.ensure_future(process.wait())
        listening = asyncio.ensure_future(self._upstream.wait_until_listening())
        patience = START_SECONDS if self._configuration.listens else ALIVE_SECONDS
        await asyncio.wait({ended, listening}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and not listening.done():
            listening.cancel()
            message = f"{self._command[0]} ended with code {process.returncode} before it listened"
            message += f" on port {self._configuration.port}; the program's log tells why"
            raise ExecutableFailed(message)
        if not listening.done():
            ports = " and ".join(map(str, listening_ports(process.pid)))
            where = f"listens on {ports}" if ports else "listens on no port"
            self._silent = f"nothing listens on {self._configuration.port} after {patience:g} s; the process {where}"
            if self._configuration.listens:
                self._silent += (
                    f": let it listen on $PORT{'' if ports else ', or say `health = false` if it never will'}"
                )
            (_logger.warning if self._configuration.listens else _logger.info)("%s", self._silent)
        listening.cancel()
        self._watch = asyncio.ensure_future(self._keep_running(process))

    async def _spawn(self) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=self._configuration.code_root,
            env=self._environment,
            start_new_session=True,  # so that a stop reaches the children of a shell script too
        )
        return self._process

    async def _keep_running(self, process: asyncio.subprocess.Process) -> None:
        """Start the process again whenever it ends, after a pause that doubles from crash to crash."""
        pause = FIRST_PAUSE
        while True:
            begun = time.monotonic()
            code = await process.wait()
            if time.monotonic() - begun > SETTLED:
                pause = FIRST_PAUSE
            _logger.error("%s ended with code %s; starting it again in %g s", self._command[0], code, pause)
            _signal_group(process.pid, signal.SIGKILL)  # what it left behind would hold the port
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            process = await self._spawn()

    async def stop(self) -> None:
        """Ask the process to end, then kill it and what it started."""
        if self._watch is not None:
            self._watch.cancel()
        process = self._process
        if process is None or process.returncode is not None:
            return
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        for _ in range(10):  # a shell ends before the program that it started
            if not _signal_group(process.pid, 0):
                return
            await asyncio.sleep(CHILDREN_SECONDS / 10)
        _signal_group(process.pid, signal.SIGKILL)

    async def answer(self, cycle: RequestCycle) -> None:
        """Pass one request on, once: what broke half-way may have had its effect.

        One that has not listened so far is waited for while it can be, if it shall listen at all; then the answer says
        so, and whether the process lives.
        """
        if self._silent and not self._upstream.listens() and self._configuration.listens:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._upstream.wait_until_listening(), self._configuration.seconds * 0.8)
        if self._silent and not self._upstream.listens():
            lives = self._process is not None and self._process.returncode is None
            text = self._silent if lives else f"{self._command[0]} has ended and is started again"
            cycle.refuse(503, f"{text}\n", [(PROCESS, b"running" if lives else b"ended")])
            return
        self._silent = ""
        try:
            await self._upstream.fetch(cycle)
        except Gone:
            await self._see_whether_it_ended()
            cycle.refuse(502, "The program ended or closed the connection before it had answered.\n")
        except BrokenAnswer as error:
            cycle.refuse(502, f"The program's answer is not HTTP: {error}\n")

    async def _see_whether_it_ended(self) -> None:
        """Let a dying process die: for a moment its port still takes connections, and would lose the next."""
        if self._process is not None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._process.wait(), ENDING_SECONDS)

    async def event(self, body: Any) -> Any:
        """Know no events: only HTTP reaches a process."""


def _signal_group(group: int, number: int) -> bool:
    """Signal a process and what it started; tell whether any of them is there."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
