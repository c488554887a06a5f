"""Messages as they are processed, by websocket (pyaleph's ``web/controllers/messages.py``)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from hatch_aleph.local.node.api import message_views
from hatch_aleph.local.node.api.support import node_of, query_of
from hatch_aleph.local.node.filters import LiveFilters, live_query
from hatch_aleph.local.node.ledger import content_tags

if TYPE_CHECKING:
    from hatch_aleph.local.node.embedded_node import Node
    from hatch_aleph.local.node.envelope import Message

_HEARTBEAT = 60.0
_CONNECTIONS = 64
_open_sockets: web.AppKey[Any] = web.AppKey("open_sockets", object)


def add_sockets(app: web.Application) -> None:
    """Prepare an application for websockets: they are closed when it stops."""
    app[_open_sockets] = set()

    async def close_all(app: web.Application) -> None:
        for socket in list(app[_open_sockets]):
            await socket.close(code=1001, message=b"node stops")

    app.on_shutdown.append(close_all)


async def watch_messages(request: web.Request) -> web.StreamResponse:
    """Send the last messages that match the filters, then each new one."""
    filters, node, sockets = query_of(request, LiveFilters), node_of(request), request.config_dict[_open_sockets]
    socket = web.WebSocketResponse(heartbeat=_HEARTBEAT)
    await socket.prepare(request)
    if len(sockets) >= _CONNECTIONS:
        await socket.close(code=1013, message=b"Too many connections")
        return socket
    sockets.add(socket)
    sender = asyncio.create_task(_send(socket, node, filters))
    try:
        async for _ in socket:  # clients have nothing to say; this ends when they leave
            pass
    finally:
        sockets.discard(socket)
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sender
    return socket


async def _send(socket: web.WebSocketResponse, node: Node, filters: LiveFilters) -> None:
    with node.events.listen() as queue, contextlib.suppress(ConnectionError):
        if filters.history:
            query = live_query(node.state.database, filters)
            for row in reversed(query.rows("time DESC, item_hash ASC", filters.history)):
                await socket.send_str(json.dumps(message_views.in_list(row, filters.shown)))
        while True:
            attempt = await queue.get()
            if attempt.outcome == "processed" and matches(attempt.message, filters):
                shown = message_views.alone(attempt.message)
                if filters.shown != "full":
                    del shown["content"]
                await socket.send_str(json.dumps(shown))


def matches(message: Message, filters: LiveFilters) -> bool:
    """Say whether a new message passes the filters."""
    content: dict[str, Any] = message.content or {}
    if filters.message_type not in (None, message.type):
        return False
    if filters.tags and not set(filters.tags) & set(content_tags(message.type, content)):
        return False
    wanted = (
        (filters.message_types, message.type),
        (filters.addresses, message.sender),
        (filters.owners, content.get("address")),
        (filters.hashes, message.item_hash),
        (filters.chains, message.chain),
        (filters.channels, message.channel),
        (filters.refs, content.get("ref")),
        (filters.content_types, content.get("type")),
        (filters.content_hashes, content.get("item_hash")),
    )
    return all(not accepted or value in accepted for accepted, value in wanted)
