"""Answers for programs over HTTP, at the addresses that the network's hosts have.

Source: ``src/aleph/vm/orchestrator/supervisor.py`` and ``views/__init__.py`` in aleph-im/aleph-vm.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from hatch_aleph import itemhash
from hatch_aleph.errors import HatchAlephError
from hatch_aleph.local.host import host_answers as answers
from hatch_aleph.local.host.execution_pool import Pool
from hatch_aleph.local.host.failures import ArchiveTooLargeError, InsufficientCapacityError, StartError
from hatch_aleph.local.host.guest_api import GuestApi
from hatch_aleph.local.host.host_views import HostViews
from hatch_aleph.local.host.image_machine import machine_class
from hatch_aleph.local.host.message_feed import MessageFeed
from hatch_aleph.local.host.places import Place, find_python, probe
from hatch_aleph.local.host.program_specs import published
from hatch_aleph.local.host.reconciler import Reconciler
from hatch_aleph.local.host.request_log import RequestLog
from hatch_aleph.local.host.scheduler import Scheduler
from hatch_aleph.local.host.source import Source, UnavailableFileError
from hatch_aleph.local.host.spec import Answer, Limits, ProgramSpec
from hatch_aleph.local.host.standby import Standby
from hatch_aleph.local.host.web import answer_request, response_of
from hatch_aleph.local.origins import is_own
from hatch_aleph.network.client import NodeClient

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.local.host.console import Console
    from hatch_aleph.local.host.machine import Machine


_HEX = re.compile(r"[0-9a-f]{64}")
_DOMAIN = "localhost"  # under which programs answer by host name
# What of the places where browsers put what they fetch can run scripts.
_SHOWN = frozenset({"document", "iframe", "frame", "embed", "object"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Middleware = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
Notice = Callable[[str], None]


class Host:
    """Runs the programs of a node on demand.

    Args:
        node_url: Base URL of the node that knows the messages and the files.
        folder: Folder of persistent volumes; what programs keep is kept there.
        cache: Folder of files, unpacked images and preloaded modules; may be deleted.
        python: Interpreter for the programs, when not to be looked for.
        limits: The host's times and sizes, and whether it has a real host's faults.
        notice: Gets one line for what a developer should know.
        schedules: Start the node's persistent programs here, and take up its subscribed ones: for a node of this
            machine.
        page_token: What the node's page shows to get the logs of programs: the programs themselves can reach this
            server as well. A random one by default.
        stands_by: Have a guest ready for the next program that starts, from the first answer on.
    """

    def __init__(
        self,
        node_url: str,
        folder: Path,
        cache: Path,
        *,
        python: Path | None = None,
        limits: Limits | None = None,
        notice: Notice | None = None,
        schedules: bool = False,
        page_token: str = "",
        stands_by: bool = False,
    ) -> None:
        self.node_url = node_url
        # Mounted from another folder: a relative path would lead elsewhere there.
        self._volumes = folder.resolve() / "volumes"
        self._cache = cache.resolve()
        self._python = python
        self._limits = limits or Limits()
        self._notice = notice or (lambda _line: None)
        self._session: aiohttp.ClientSession | None = None
        self._source = Source(lambda: NodeClient([self.node_url]), self._cache)
        self._standby = Standby() if stands_by and not self._limits.real else None
        self.page_token = page_token or secrets.token_urlsafe(16)
        self._following: list[asyncio.Task[None]] = []
        self._guest_api = GuestApi(lambda: self.node_url)
        self.feed: MessageFeed | None = None
        self.requests = RequestLog()
        self.pool = Pool(self._fetch, self._build, self._limits)
        self.scheduler = Scheduler(self.pool, self._source, self._start_persistent, self._limits) if schedules else None

    def attach(self, app: web.Application) -> None:
        """Add the host's routes and its host names to an application, and start and close with it."""
        views = HostViews(self.pool, self.requests, self.page_token)
        app.middlewares.append(self._by_host_name())  # type: ignore[arg-type]  # its protocol wants one name
        app.router.add_route("*", "/vm/{ref}{suffix:.*}", self._by_path)
        views.attach(app)
        if self.scheduler:
            self.scheduler.attach(app)
        app.on_startup.append(lambda _app: self.start())
        # The node may be this very application, which waits for its connections' end.
        app.on_shutdown.append(lambda _app: self._stop_following())
        app.on_cleanup.append(lambda _app: self.close())

    async def start(self) -> None:
        """Get ready to fetch programs, and follow the node. ``node_url`` may be set until the event loop runs on."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=10)
            self._session = aiohttp.ClientSession(timeout=timeout)
            self._following = [asyncio.create_task(self._follow(self._session), name="host follows node")]

    async def _follow(self, session: aiohttp.ClientSession) -> None:
        reconciler = Reconciler(
            self.pool, self._source, self.ready, self._notice, self._limits, scheduler=self.scheduler
        )
        self.feed = MessageFeed(self._source, session, reconciler.on_message)
        work = [
            asyncio.create_task(reconciler.check_regularly()),
            asyncio.create_task(self._load(reconciler, self.feed)),
            *([asyncio.create_task(self.scheduler.run())] if self.scheduler else []),
        ]
        try:
            await self.feed.run()
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await reconciler.close()

    async def _load(self, reconciler: Reconciler, feed: MessageFeed) -> None:
        """Take up what the node knew before, as soon as it answers."""
        await feed.connected.wait()
        await reconciler.load()

    async def _stop_following(self) -> None:
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        self._following = []

    async def close(self) -> None:
        """Stop every program and let go of everything."""
        await self._stop_following()
        await self.pool.close()
        if self._standby:
            self._standby.close()
        if self._session:
            await self._session.close()
            self._session = None
        self._source.close()

    async def _by_path(self, request: web.Request) -> web.StreamResponse:
        """Answer ``/vm/<item hash>/...`` (run_code_from_path)."""
        ref, suffix = request.match_info["ref"], request.match_info["suffix"]
        if not itemhash.ITEM_HASH.fullmatch(ref):
            return response_of(answers.failure(400, f"Invalid message reference: {ref}"))
        if request.headers.get("Sec-Fetch-Dest") in _SHOWN and is_own(request.host) and _HEX.fullmatch(ref):
            # A browser is to show it: under a name of its own, so that its scripts are strangers to the node's page.
            name = f"{itemhash.to_base32(ref)}.{_DOMAIN}"
            port = request.host.rpartition(":")[2] if ":" in request.host.rpartition("]")[2] else "80"
            raise web.HTTPTemporaryRedirect(f"http://{name}:{port}{request.raw_path.partition(ref)[2] or '/'}")
        return await self._respond(ref, suffix, request)

    def _by_host_name(self) -> Middleware:
        """Return the middleware that answers for ``<base32 of the item hash>.localhost`` (run_code_from_hostname)."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            name = request.host.rsplit(":", 1)[0].lower()
            if not name.endswith(f".{_DOMAIN}"):
                return await handler(request)
            ref = itemhash.from_base32(name.split(".", 1)[0])
            if ref is None:
                return response_of(answers.failure(404, "404: Invalid message reference"))
            return await self._respond(ref, request.path, request)

        return middleware

    async def _respond(self, item_hash: str, path: str, request: web.Request) -> web.StreamResponse:
        found = await self.ready(item_hash)
        target = f"/{path.lstrip('/')}" + (f"?{request.query_string}" if request.query_string else "")
        if isinstance(found, Answer):
            self.requests.note(item_hash, request.method, target, found, trouble=True)
            return response_of(found)
        answer = await answer_request(found, path if path.startswith("/") else f"/{path}", request)
        self.pool.answered(item_hash)
        if self._standby:
            self._standby.begin_soon(found.place, found.spec.python)
        record = self.pool.records.get(item_hash)
        self.requests.note(item_hash, request.method, target, answer, console=record.console if record else None)
        return response_of(answer)

    async def _start_persistent(self, item_hash: str) -> Machine | Answer:
        found = await self.ready(item_hash, persistent=True)
        if not isinstance(found, Answer):
            self.pool.answered(item_hash)
        return found

    async def ready(self, item_hash: str, *, persistent: bool = False) -> Machine | Answer:
        """Return the program's running machine, or the answer that says why there is none."""
        try:
            return await self.pool.machine(item_hash, persistent=persistent)
        except HatchAlephError as error:
            if not isinstance(error, (InsufficientCapacityError, ArchiveTooLargeError, UnavailableFileError)):
                cause = "" if not isinstance(error, StartError) or error.is_placed else f"\n{error.cause}"
                self._notice(f"{item_hash[:12]}: {error}{cause}")
            return answers.not_ready(error)

    async def _fetch(self, item_hash: str) -> ProgramSpec:
        return await published(self._source, item_hash)

    def _build(self, spec: ProgramSpec, console: Console, folder: Path | None) -> Machine:
        place = Place(find_python(spec.python, self._python), self._cache, self._volumes, probe())
        return machine_class(spec)(
            spec,
            place,
            limits=self._limits,
            console=console,
            guest_api=self._guest_api,
            folder=folder,
            standby=self._standby,
        )
