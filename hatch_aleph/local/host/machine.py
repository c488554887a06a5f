"""One running program: start, requests, events, halt."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import replace
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgpack

from hatch_aleph.errors import GuestError
from hatch_aleph.local.host import host_answers as answers
from hatch_aleph.local.host import wire
from hatch_aleph.local.host.console import Console
from hatch_aleph.local.host.failures import CrashedError, NoInitError, StartError
from hatch_aleph.local.host.guest_api import GuestApi, ProgramApi
from hatch_aleph.local.host.launch import Launched, launch
from hatch_aleph.local.host.spec import Answer, Limits, ProgramSpec, Times

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hatch_aleph.local.host.places import Place
    from hatch_aleph.local.host.standby import Standby

_READ = 64 * 1024
_LARGEST_REPLY = 1_000_000
_BETWEEN_PIECES = 0.02  # seconds
# At the head of the log of each start.
START_MARK = "local host: started at "


class State(str, Enum):
    """Where a machine stands in its life."""

    created = "created"
    starting = "starting"
    running = "running"
    stopping = "stopping"
    stopped = "stopped"


class Machine:
    """A program in its own process.

    It speaks to the process what a host speaks to a VM: the configuration, then one connection a request
    (``src/aleph/vm/controllers/firecracker/program.py`` in aleph-im/aleph-vm).
    """

    def __init__(
        self,
        spec: ProgramSpec,
        place: Place,
        *,
        limits: Limits | None = None,
        console: Console | None = None,
        guest_api: GuestApi | None = None,
        folder: Path | None = None,
        standby: Standby | None = None,
    ) -> None:
        self.spec = spec
        self.limits = limits or Limits()
        self.console = console or Console()
        self.state = State.created
        self.times = Times()
        self.hurry = asyncio.Event()  # set: the pauses of a stop are left out
        self._folder = folder
        self.start_seconds: float | None = None
        self.place = place
        self._standby = standby
        self._api = ProgramApi(guest_api or GuestApi(), spec.item_hash)
        self._launched: Launched | None = None
        self._runs = 0
        self._no_runs = asyncio.Event()
        self._no_runs.set()
        self._end = asyncio.Lock()
        self._stop_task: asyncio.Task[None] | None = None
        self._ended = ""  # how its process ended by itself

    async def start(self) -> None:
        """Start the process and the program in it; returns when the program's start-up is complete.

        Raises:
            StartError: The program did not import, its lifespan failed, or it took too long.
            GuestError: The program cannot be run on this machine.
        """
        began = time.perf_counter()
        self.state = State.starting
        self.console.say(f"{START_MARK}{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC")
        try:
            self._launched = await self._launch()
            self._api.is_open = self.spec.persistent  # whose API hosts start before the program
            self._api.serve(self._launched.api)
            asyncio.get_running_loop().add_reader(self._launched.terminal, self._read_console, self._launched.terminal)
            await self._boot(self._launched)
            told = await self._configure()
        except BaseException:
            await self._stop()
            raise
        if not told["success"]:
            await self._stop()
            cause = told.get("traceback")
            if not cause:  # the program itself has not told it, so the log would not
                cause = f"{self.console.tail()}\n{told['error']}"
                self.console.say(f"local host: {told['error']}")
            raise StartError(f"The program does not start: {told['error']}", where=self.spec.entrypoint, cause=cause)
        self._api.is_open = True
        self.start_seconds = time.perf_counter() - began
        self.times.started()
        self.state = State.running

    async def _boot(self, launched: Launched) -> None:
        """Take the time of a VM's boot: nothing reaches it yet, an older one's ``halt`` in its folder neither.

        One whose folder is deleted meanwhile is never heard of (wait_for_init).
        """
        await asyncio.sleep(self.limits.boot)
        if not launched.listen():
            await asyncio.sleep(self.limits.init - self.limits.boot)
            seconds = f"{self.limits.init:g}"
            cause = "Its folder was deleted while it started: an older machine with the same number was being stopped."
            raise NoInitError(
                f"The machine's init did not come up within {seconds} seconds.", where=self.spec.item_hash, cause=cause
            )

    async def _launch(self) -> Launched:
        booted = self._standby.take(self.place, self.spec.python) if self._standby else None
        return await launch(self.spec, self.place, self.limits, folder=self._folder, booted=booted)

    @property
    def has_ended(self) -> bool:
        """Whether its process has ended by itself."""
        return self._launched is not None and self._launched.process.poll() is not None

    async def _configure(self) -> dict[str, Any]:
        """Send the configuration and return what the guest says of its start, or why it says nothing."""
        reader, writer = await self._connect()
        try:
            payload = msgpack.dumps(self._configuration(), use_bin_type=True)
            writer.write(f"{len(payload)}\n".encode() + payload)
            # A program that leaves threads or prints behind still answers here; one that spins does not.
            reply = await asyncio.wait_for(reader.read(_LARGEST_REPLY), self.limits.configuration)
        except asyncio.TimeoutError:
            seconds = f"{self.limits.configuration:g}"
            return {"success": False, "error": f"it was not ready within {seconds} seconds"}
        except OSError:
            reply = b""
        finally:
            await _close(writer)
        if not reply:
            return {"success": False, "error": f"its process ended before it was ready{await self._exit_text()}"}
        return dict(msgpack.loads(reply, raw=False))

    def _configuration(self) -> dict[str, Any]:
        return wire.configuration_of(self.spec, self.limits.archive_bytes)

    async def request(
        self, method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> Answer:
        """Answer a request for a raw target such as ``/a%20b?q=1`` as a host would.

        Never raises for the program's faults: they are answers.
        """
        if len(body) > self.limits.body_bytes:
            return answers.too_large(self.limits.body_bytes, len(body))
        return await self.answer(wire.of_target(method, target, answers.header_lines(headers), body))

    async def event(self, message: str) -> Any:
        """Run the program on a subscribed message (its JSON); returns what it sent, or a text that says what failed."""
        try:
            raw = await self.run(wire.of_event(message))
        except (asyncio.TimeoutError, CrashedError) as error:
            return f"{type(error).__name__}: {error}"
        result = msgpack.loads(raw, raw=False) if raw else {"traceback": "the machine did not answer"}
        return result.get("traceback") or result["body"]

    async def answer(self, scope: dict[str, Any]) -> Answer:
        """Run one scope and make the host's answer of it. A guest that says nothing is stopped."""
        began = time.perf_counter()
        try:
            raw = await self.run(scope)
        except asyncio.TimeoutError:
            answer = answers.timed_out()
        except CrashedError:
            if not self.limits.real:  # there it stays broken until it is stopped
                await self.halt()
            answer = answers.crashed()
        else:
            answer = answers.of_result(raw, self.spec)
            if not raw:
                await self.halt()
        return replace(answer, seconds=time.perf_counter() - began)

    async def run(self, scope: dict[str, Any]) -> bytes:
        """Send one scope and return the guest's bytes, b"" when it closed without any.

        Raises:
            asyncio.TimeoutError: It took longer than the program's ``seconds``.
            CrashedError: The machine has ended.
        """
        self._runs += 1
        self._no_runs.clear()
        try:
            payload = msgpack.dumps({"scope": scope}, use_bin_type=True)
            return await asyncio.wait_for(self._exchange(payload), self.spec.seconds)
        finally:
            self._runs -= 1
            if not self._runs:
                self._no_runs.set()

    async def _exchange(self, payload: bytes) -> bytes:
        reader, writer = await self._connect()
        try:
            await self._send(writer, payload)
            # Both at once: a guest that stopped reading, because the payload is too large for it, may close first.
            return await reader.read()
        except (ConnectionResetError, BrokenPipeError):
            return b""
        finally:
            await _close(writer)

    async def _send(self, writer: asyncio.StreamWriter, payload: bytes) -> None:
        """Write a payload, in pieces with a pause between them as a VM's socket may make of it."""
        size = self.limits.piece_bytes
        if not size or len(payload) <= size:
            writer.write(payload)
            return
        for start in (0, size):
            writer.write(payload[start : start + size] if not start else payload[start:])
            await writer.drain()
            await asyncio.sleep(_BETWEEN_PIECES)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._launched is None:
            raise CrashedError("The machine is not running.", where=self.spec.item_hash)
        try:
            return await asyncio.open_unix_connection(self._launched.socket_path)
        except OSError as error:
            raise CrashedError(f"The machine has ended{await self._exit_text()}.", where=self.spec.item_hash) from error

    async def halt(self) -> None:
        """Stop: let running requests end, tell the guest, kill it after the host's five seconds.

        Safe to call at any time and more than once.
        """
        async with self._end:
            if self.state in (State.stopped, State.created):
                return
            was_running = self.state is State.running
            self.state = State.stopping
            self.times.stopping()
            if was_running:
                await self._no_runs.wait()
                said = b""
                with contextlib.suppress(GuestError, asyncio.TimeoutError):
                    said = await asyncio.wait_for(self._exchange(b"halt"), self.limits.halt)
                if not said and self.has_ended:
                    self._ended = await self._exit_text()
            await self._stop()

    async def kill(self) -> None:
        """Stop at once, without telling the program or waiting for its requests."""
        self.times.stopping()
        if self.has_ended:
            self._ended = await self._exit_text()
        if self._launched is not None:
            self._launched.kill()
        async with self._end:
            if self.state not in (State.stopped, State.created):
                await self._stop()

    async def _stop(self) -> None:
        """Kill the process and clear up. Who asked for it may be cancelled meanwhile; the end goes on."""
        if self._stop_task is None:
            self._stop_task = asyncio.create_task(self._end_process(), name=f"end of {self.spec.item_hash[:12]}")
        await asyncio.shield(self._stop_task)

    async def _end_process(self) -> None:
        launched, self._launched = self._launched, None
        if launched is not None:
            await self._pause(self.limits.linger)
            launched.kill()
            await launched.ended()
            self._read_console(launched.terminal)
            asyncio.get_running_loop().remove_reader(launched.terminal)
            self.console.flush()
            if self._ended:  # as the kernel of a VM says that its init has
                self.console.say(f"local host: its process ended{self._ended}")
            await self._api.close()
            await asyncio.to_thread(launched.clear)
            await self._pause(self.limits.guest_api_stop)
        self.times.stopped()
        self.state = State.stopped

    async def _pause(self, seconds: float) -> None:
        if seconds:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.hurry.wait(), seconds)

    def _read_console(self, terminal: int) -> None:
        """Take what the machine has printed. A terminal whose other end is closed says so by an error."""
        try:
            data = os.read(terminal, _READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.console.feed(data)
        else:
            asyncio.get_running_loop().remove_reader(terminal)

    async def _exit_text(self) -> str:
        """Return how the process ended, as far as that is known within a moment."""
        if self._launched is None:
            return ""
        with contextlib.suppress(asyncio.TimeoutError):
            code = await asyncio.wait_for(self._launched.ended(), 1)
            return f" (exit code {code})"
        return ""


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
