"""The node's web application, and a server for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from hatch_aleph import __version__
from hatch_aleph.local.node.api import websocket
from hatch_aleph.local.node.api.guard import guard, log_no_bad_requests
from hatch_aleph.local.node.api.openapi import document
from hatch_aleph.local.node.api.routes import ROUTES, Route
from hatch_aleph.local.node.api.support import NODE, answer
from hatch_aleph.local.node.limits import JSON_BODY_LIMIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hatch_aleph.local.node.embedded_node import Node


async def get_openapi(request: web.Request) -> web.Response:  # noqa: ARG001 - a handler takes its request
    """Describe this API."""
    return answer(document(ALL_ROUTES, __version__))


ALL_ROUTES = (*ROUTES, Route("GET", "/api/openapi.json", get_openapi, {"type": "object"}))


def application_of(node: Node) -> web.Application:
    """Return the web application of a node: API, faucet and page. The node starts and closes with it."""
    log_no_bad_requests()
    app = web.Application(middlewares=[guard], client_max_size=JSON_BODY_LIMIT)
    app[NODE] = node
    websocket.add_sockets(app)
    app.add_routes(
        web.get(route.path, route.handler) if route.method == "GET" else web.post(route.path, route.handler)
        for route in ALL_ROUTES
    )

    async def run_node(_app: web.Application) -> AsyncIterator[None]:
        await node.start()
        yield
        await node.close()

    app.cleanup_ctx.append(run_node)
    return app


async def serve_application(application: web.Application, port: int, ready: Callable[[str], None]) -> None:
    """Serve an application on 127.0.0.1 until cancelled.

    Args:
        application: What answers.
        port: Port; 0 takes a free one.
        ready: Gets the URL once requests are answered.

    Raises:
        OSError: The port is taken.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        ready(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
