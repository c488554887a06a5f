"""All routes of a node in one application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from hatch_aleph.local.node.api import live
from hatch_aleph.local.node.api.guard import guard, log_no_bad_requests
from hatch_aleph.local.node.api.routes import ROUTES
from hatch_aleph.local.node.api.support import NODE
from hatch_aleph.local.node.limits import JSON_BODY_LIMIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hatch_aleph.local.node.node import Node


def make_application(node: Node) -> web.Application:
    """Make the application of a node; it starts with the application and closes with it."""
    log_no_bad_requests()
    app = web.Application(middlewares=[guard], client_max_size=JSON_BODY_LIMIT)
    app[NODE] = node
    live.add_sockets(app)
    app.add_routes(
        web.get(route.path, route.handler) if route.method == "GET" else web.post(route.path, route.handler)
        for route in ROUTES
    )

    async def run_node(app: web.Application) -> AsyncIterator[None]:  # noqa: ARG001 - aiohttp's signature
        await node.start()
        yield
        await node.close()

    app.cleanup_ctx.append(run_node)
    return app
