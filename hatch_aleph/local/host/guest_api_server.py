"""The server of what a host offers its programs; see ``guest_api``."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

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


@dataclass(frozen=True)
class GuestApiServer:
    """The API of one program.

    Attributes:
        cache: Of the program that asks.
        node: Returns the base URL of the node that it reads from.
        is_open: Tells whether it is answered yet.
    """

    cache: dict[str, bytes]
    node: Callable[[], str]
    is_open: Callable[[], bool]

    async def serve(self, listener: socket.socket) -> web.AppRunner:
        """Answer on a listening socket until what is returned is cleaned up."""
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        return runner

    def _application(self) -> web.Application:
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
        return app

    @web.middleware
    async def _turn_away(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self.is_open() and request.transport:
            request.transport.abort()
        key = request.match_info.get("key")
        if key is not None and not _KEY.fullmatch(key):
            return web.Response(status=400, text="Invalid key")
        return await handler(request) if self.is_open() else web.Response()

    async def _keys(self, request: web.Request) -> web.Response:
        pattern = request.query.get("pattern", "*")
        if not _PATTERN.fullmatch(pattern):
            return web.Response(status=400, text="Invalid key")
        return web.json_response([key for key in self.cache if fnmatchcase(key, pattern)])

    async def _get(self, request: web.Request) -> web.Response:
        """Answer a value; an empty one counts as none, as hosts have it."""
        value = self.cache.get(request.match_info["key"])
        return web.Response(body=value) if value else web.Response(status=404, text="No such key in cache")

    async def _put(self, request: web.Request) -> web.Response:
        self.cache[request.match_info["key"]] = await request.read()
        return web.json_response(True)

    async def _delete(self, request: web.Request) -> web.Response:
        return web.json_response(int(self.cache.pop(request.match_info["key"], None) is not None))

    async def _proxy(self, request: web.Request) -> web.Response:
        """Pass a read on to the node: path and query, no headers."""
        url = f"{self.node()}/{request.match_info['path'].lstrip('/')}?{request.rel_url.query_string}"
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
