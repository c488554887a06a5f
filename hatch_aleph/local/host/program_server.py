"""One program at the root of a port: what was just built, or what is live, run here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from hatch_aleph.errors import UsageError
from hatch_aleph.local.host import host_answers as answers
from hatch_aleph.local.host.execution_pool import Pool
from hatch_aleph.local.host.failures import InsufficientCapacityError, StartError
from hatch_aleph.local.host.guest_api import GuestApi
from hatch_aleph.local.host.image_machine import machine_class
from hatch_aleph.local.host.spec import Answer, Limits, ProgramSpec
from hatch_aleph.local.host.web import answer_request, response_of
from hatch_aleph.local.origins import is_local

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from hatch_aleph.local.host.console import Console
    from hatch_aleph.local.host.machine import Machine
    from hatch_aleph.local.host.places import Place


@dataclass(frozen=True)
class Observer:
    """What a front end wants to hear; silent by default.

    Attributes:
        line: One line that the program printed.
        request: Method, target and answer of a request.
        started: Seconds of a cold start.
        failed: Why a start failed.
    """

    line: Callable[[str], None] = lambda _line: None
    request: Callable[[str, str, Answer], None] = lambda _method, _target, _answer: None
    started: Callable[[float], None] = lambda _seconds: None
    failed: Callable[[StartError], None] = lambda _error: None


class ProgramServer:
    """Serves one program on a port of this machine; starts it again when it ended, and exchanges it."""

    def __init__(
        self,
        spec: ProgramSpec,
        place: Place,
        *,
        observer: Observer | None = None,
        limits: Limits | None = None,
        guest_api: GuestApi | None = None,
    ) -> None:
        self._spec = spec
        self._place = place
        self._limits = limits or Limits()
        self._observer = observer or Observer()
        self._guest_api = guest_api or GuestApi()
        self._pool = Pool(self._fetch, self._build, self._limits, self._observer.line)
        self._announced: Machine | None = None
        self._runner: web.AppRunner | None = None

    async def open(self, port: int, address: str = "127.0.0.1") -> str:
        """Listen, then start the program; returns the base URL. A failed start is told, and tried again by requests.

        Raises:
            UsageError: The port is taken.
        """
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, address, port).start()
        except OSError as error:
            await self.close()
            raise UsageError(
                f"Port {port} cannot be used: {error.strerror}.", hint="Choose another with --port."
            ) from error
        await self._ready()
        return f"http://{address}:{self._runner.addresses[0][1]}"

    async def replace(self, spec: ProgramSpec) -> None:
        """Stop what runs, when its requests are answered, and run another program from now on."""
        old, self._spec = self._spec, spec
        stop = self._pool.stop(old.item_hash, "it was replaced")
        if self._limits.real:  # where requests come before the old one is gone
            self._stop = asyncio.create_task(stop)
            return
        await stop
        await self._ready()

    async def close(self) -> None:
        """Stop the program and free the port."""
        if self._runner:
            await self._runner.cleanup()
        await self._pool.close()

    async def _fetch(self, _item_hash: str) -> ProgramSpec:
        return self._spec

    def _build(self, spec: ProgramSpec, console: Console, folder: Path | None) -> Machine:
        return machine_class(spec)(
            spec, self._place, limits=self._limits, console=console, guest_api=self._guest_api, folder=folder
        )

    async def _ready(self) -> Machine | Answer:
        try:
            machine = await self._pool.machine(self._spec.item_hash, persistent=self._spec.persistent)
        except (InsufficientCapacityError, StartError) as error:
            if isinstance(error, StartError):
                self._observer.failed(error)
            return answers.not_ready(error)
        if machine is not self._announced:
            self._announced = machine
            self._observer.started(machine.start_seconds or 0.0)
        return machine

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if not is_local(request.host):
            raise web.HTTPForbidden(text="This server answers to 127.0.0.1 and localhost only.")
        found = await self._ready()
        answer = found if isinstance(found, Answer) else await answer_request(found, request.path, request)
        self._pool.answered(self._spec.item_hash)
        self._observer.request(request.method, request.raw_path, answer)
        return response_of(answer)


async def serve_images(
    spec: ProgramSpec,
    place: Place,
    port: int,
    *,
    observer: Observer | None = None,
    limits: Limits | None = None,
    opened: Callable[[str], None] = lambda _url: None,
    changed: Callable[[], Awaitable[ProgramSpec]] | None = None,
    guest_api: GuestApi | None = None,
) -> None:
    """Serve a program until cancelled.

    Args:
        spec: The program.
        place: Where it runs.
        port: Port on 127.0.0.1; 0 for a free one.
        observer: Hears lines, requests and starts.
        limits: The host's times and sizes.
        opened: Gets the base URL.
        changed: Awaited again and again: returns when there is another program to run in its place.
        guest_api: What programs may ask the host.

    Raises:
        UsageError: The port is taken.
    """
    server = ProgramServer(spec, place, observer=observer, limits=limits, guest_api=guest_api)
    try:
        opened(await server.open(port))
        while changed is not None:
            await server.replace(await changed())
        await asyncio.Event().wait()
    finally:
        await server.close()
