"""What a host offers its programs over a unix socket: a cache, and reads of the network.

Source: ``src/aleph/vm/guest_api/__main__.py`` in aleph-im/aleph-vm, behind the socket that ``init0.sh`` of its runtimes
opens. The SDK's ``VmCache`` and its clients find it by the variables that the init sets.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from hatch_aleph.network.defaults import DEFAULT_NODES
from hatch_aleph.network.http import proxy_for

if TYPE_CHECKING:
    import socket

_KEY = re.compile(r"\w+")
_PATTERN = re.compile(r"[\w?*^\-]+")
_NO_KEY = (
    "This host has no key to sign with. On the network the key is the host's own, not yours: "
    "programs that publish need an account of their own."
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class GuestApi:
    """What the programs of one host share: their caches, kept as long as it lives, and the node that they read from.

    Args:
        node_url: Base URL of the node, or what returns it.
    """

    def __init__(self, node_url: str | Callable[[], str] = DEFAULT_NODES[0]) -> None:
        self._node_url = node_url
        self._caches: defaultdict[str, dict[str, bytes]] = defaultdict(dict)

    @property
    def node(self) -> str:
        """Base URL of the node."""
        return (self._node_url if isinstance(self._node_url, str) else self._node_url()).rstrip("/")

    def cache(self, item_hash: str) -> dict[str, bytes]:
        """Return the cache of one program."""
        return self._caches[item_hash]


class ProgramApi:
    """The API of one running program.

    Args:
        shared: Of the host.
        item_hash: The program's.
    """

    def __init__(self, shared: GuestApi, item_hash: str) -> None:
        self._shared = shared
        self._cache = shared.cache(item_hash)
        self._runner: web.AppRunner | None = None
        # Until then connections are closed without a word: hosts start the API when the program has started.
        self.is_open = False

    async def serve(self, listener: socket.socket) -> None:
        """Answer on a bound socket until closed."""
        app = web.Application(middlewares=[self._turn_away])
        routes = app.router
        routes.add_route("GET", "/properties", self._sign)
        routes.add_route("POST", "/sign", self._sign)
        routes.add_route("GET", "/cache/", self._keys)
        routes.add_route("GET", "/cache/{key:.*}", self._get)
        routes.add_route("PUT", "/cache/{key:.*}", self._put)
        routes.add_route("DELETE", "/cache/{key:.*}", self._delete)
        for method in ("GET", "HEAD", "OPTIONS"):
            routes.add_route(method, "/{path:.*}", self._proxy)
        routes.add_route("POST", "/api/v0/{kind:ipfs|p2p}/pubsub/pub", self._sign)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def close(self) -> None:
        """Let go of the socket."""
        if self._runner:
            await self._runner.cleanup()

    @web.middleware
    async def _turn_away(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self.is_open and request.transport:
            request.transport.abort()
        return await handler(request) if self.is_open else web.Response()

    async def _keys(self, request: web.Request) -> web.Response:
        pattern = request.query.get("pattern", "*")
        if not _PATTERN.fullmatch(pattern):
            return web.Response(status=400, text="Invalid key")
        return web.json_response([key for key in self._cache if fnmatchcase(key, pattern)])

    async def _get(self, request: web.Request) -> web.Response:
        """Answer a value; an empty one counts as none, as hosts have it."""
        if not _KEY.fullmatch(request.match_info["key"]):
            return web.Response(status=400, text="Invalid key")
        value = self._cache.get(request.match_info["key"])
        return web.Response(body=value) if value else web.Response(status=404, text="No such key in cache")

    async def _put(self, request: web.Request) -> web.Response:
        if not _KEY.fullmatch(request.match_info["key"]):
            return web.Response(status=400, text="Invalid key")
        self._cache[request.match_info["key"]] = await request.read()
        return web.json_response(True)

    async def _delete(self, request: web.Request) -> web.Response:
        if not _KEY.fullmatch(request.match_info["key"]):
            return web.Response(status=400, text="Invalid key")
        return web.json_response(int(self._cache.pop(request.match_info["key"], None) is not None))

    async def _proxy(self, request: web.Request) -> web.Response:
        """Pass a read on to the node: path and query, no headers."""
        url = f"{self._shared.node}/{request.match_info['path'].lstrip('/')}?{request.rel_url.query_string}"
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.request(request.method, url, allow_redirects=False, proxy=proxy_for(url)) as answer,
            ):
                body = await answer.read()
                return web.Response(body=body, status=answer.status, content_type=answer.content_type)
        except aiohttp.ClientError as error:
            return web.Response(status=500, text=f"The node does not answer: {error}")

    async def _sign(self, _request: web.Request) -> web.Response:
        """Answer as a host whose connector, which holds its key, is not there."""
        return web.Response(status=500, text=_NO_KEY)
