"""Messages: sending them, looking them up (pyaleph's ``web/controllers/{p2p,messages}.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from hatch_aleph.local.node.api import message_views
from hatch_aleph.local.node.api.support import answer, body_of, item_hash_of, node_of, query_of, unprocessable
from hatch_aleph.local.node.envelope import read_message
from hatch_aleph.local.node.filters import (
    PagedFilters,
    Statuses,
    ended_query,
    live_query,
    unsupported_for_ended,
)
from hatch_aleph.local.node.rejection import MalformedMessageError
from hatch_aleph.local.node.times import to_iso
from hatch_aleph.network.fields import parse_json

if TYPE_CHECKING:
    from hatch_aleph.local.node.embedded_node import Node
    from hatch_aleph.local.node.envelope import Message


class HashFilters(PagedFilters):
    """Filters of the list of hashes: a status besides the others; without ``hash_only`` the network breaks down."""

    status: Statuses | None = None
    hash_only: bool = True


_HTTP_STATUS = {"processed": 200, "pending": 202, "rejected": 422}
TOPIC = "ALEPH-TEST"


async def publish(node: Node, message: Message, raw: Any, *, sync: bool) -> str:
    """Hand a message to the node; return the status that the client is told: only ``sync`` waits for the real one."""
    attempt = node.intake.submit(message, raw)
    if not sync:
        return "pending"
    if attempt.outcome == "queued":
        return await _outcome(node, message.item_hash)
    if attempt.outcome != "known":
        return attempt.outcome
    if node.processor.ledger.status(message.item_hash) != "pending":
        return "pending"  # the network waits 30 seconds for an event that never comes, then says the same
    return await _outcome(node, message.item_hash)


async def _outcome(node: Node, item_hash: str) -> str:
    later = await node.events.next_of(item_hash, node.sync_seconds)
    return later.outcome if later is not None else "pending"


def _readable(node: Node, message: Message) -> Message:
    if message.type == "V-PROGRAM" and not node.release.verifiable:
        raise MalformedMessageError("unknown message type 'V-PROGRAM'")
    return message


def _known(request: web.Request, filters: PagedFilters) -> PagedFilters:
    """Refuse to look for what the release has no word for."""
    if (
        "V-PROGRAM" in (filters.message_type, *(filters.message_types or ()))
        and not node_of(request).release.verifiable
    ):
        raise unprocessable(
            '[{"type":"enum","loc":["msgTypes",0],"msg":"Input should be \'POST\', ...","input":"V-PROGRAM"}]'
        )
    return filters


def http_status(message_status: str) -> int:
    """Tell the HTTP status that goes with a message's."""
    return _HTTP_STATUS[message_status]


async def post_message(request: web.Request) -> web.Response:
    """Send a message."""
    body = await body_of(request)
    raw, sync = body.get("message"), body.get("sync", False)
    if not isinstance(raw, dict) or not isinstance(sync, bool):
        raise unprocessable("expected {'message': {...}, 'sync': true or false}")
    try:
        message = _readable(node_of(request), read_message(raw))
    except MalformedMessageError as error:
        raise web.HTTPUnprocessableEntity(text="InvalidMessageFormat") from error
    status = await publish(node_of(request), message, raw, sync=sync)
    published = {"publication_status": {"status": "success", "failed": []}, "message_status": status}
    return answer(published, http_status(status))


async def post_pubsub(request: web.Request) -> web.Response:
    """Send a message the old way."""
    body = await body_of(request)
    if body.get("topic") != TOPIC:
        raise web.HTTPForbidden(reason=f"Unauthorized P2P topic. Use {TOPIC}.")
    try:
        raw = parse_json(body["data"])
        message = _readable(node_of(request), read_message(raw))
    except (KeyError, TypeError, ValueError) as error:
        raise web.HTTPUnprocessableEntity(reason="'data': expected a serialized JSON string.") from error
    except MalformedMessageError as error:
        raise web.HTTPUnprocessableEntity(text="InvalidMessageFormat") from error
    await publish(node_of(request), message, raw, sync=False)
    return answer({"status": "success", "failed": []})


async def get_message(request: web.Request) -> web.Response:
    """Show a message with its status."""
    shown = _shown(request)
    if shown["status"] == "forgotten" and not node_of(request).release.ended:
        message_views.as_before_billing(shown["message"])
    return answer(shown)


async def get_content(request: web.Request) -> web.Response:
    """Show a processed message's content."""
    shown = _shown(request)
    if shown["status"] != "processed":
        raise unprocessable(f"Message {shown['item_hash']} is not processed (status: {shown['status']})")
    content = shown["message"]["content"]
    return answer(content["content"] if shown["message"]["type"] == "POST" else content)


async def get_status(request: web.Request) -> web.Response:
    """Tell a message's status."""
    item_hash = item_hash_of(request)
    row = node_of(request).state.database.one("SELECT * FROM statuses WHERE item_hash = ?", item_hash)
    if row is None:
        raise web.HTTPNotFound
    return answer({"status": row["status"], "item_hash": item_hash, "reception_time": to_iso(row["reception_time"])})


def _shown(request: web.Request) -> dict[str, Any]:
    shown = message_views.with_status(node_of(request).state.database, item_hash_of(request))
    if shown is None:
        raise web.HTTPNotFound
    return shown


async def list_messages(request: web.Request) -> web.Response:
    """List messages by filters, with pages or a cursor."""
    filters = _known(request, query_of(request, PagedFilters))
    if "page" in request.match_info:
        filters = filters.model_copy(update={"page": _path_page(request)})
    if filters.ended is not None and node_of(request).release.ended:
        return _list_ended(request, filters)
    if filters.sort_by == "tx-time" and filters.cursor:
        raise unprocessable("Cursor pagination is not supported with tx-time sort order.")
    part = filters.part_of(
        "messages",
        live_query(node_of(request).state.database, filters),
        keys={"t": "time", "h": "item_hash"},
        shown=lambda row: message_views.in_list(row, filters.shown),
    )
    return answer(part)


def _list_ended(request: web.Request, filters: PagedFilters) -> web.Response:
    if len(set(filters.message_statuses or [])) > 1:
        raise web.HTTPBadRequest(text="msgStatuses=forgotten/removed cannot be combined with other statuses")
    if filters.cursor is not None:
        raise web.HTTPBadRequest(text=f"Cursor pagination is not supported for {filters.ended} message queries")
    if offending := unsupported_for_ended(filters):
        names = ", ".join(offending)
        raise web.HTTPBadRequest(text=f"Filters not supported for {filters.ended} message queries: {names}")
    part = filters.part_of(
        "messages",
        ended_query(node_of(request).state.database, filters),
        keys={"t": "ended_at", "h": "item_hash"},
        shown=message_views.ended_in_list,
    )
    return answer(part)


async def list_hashes(request: web.Request) -> web.Response:
    """List the hashes of live messages by status, newest first."""
    filters = query_of(request, HashFilters)
    wanted = [filters.status] if filters.status else None
    filters = filters.model_copy(update={"message_statuses": wanted, "cursor": None})
    part = filters.part_of(
        "hashes",
        live_query(node_of(request).state.database, filters),
        keys={"t": "reception_time", "h": "item_hash"},
        shown=lambda row: row["item_hash"],
    )
    return answer(part)


class SubscribedQuery(BaseModel):
    """What can be asked of programs that messages trigger."""

    model_config = ConfigDict(extra="forbid")

    sort_order: Literal["1", "-1"] = "-1"


async def list_subscribed(request: web.Request) -> web.Response:
    """List the programs that messages trigger, with their filters."""
    try:
        way = "DESC" if SubscribedQuery.model_validate(dict(request.query)).sort_order == "-1" else "ASC"
    except ValidationError as error:
        return answer(error.json(include_url=False), 400)
    rows = node_of(request).state.database.all(
        "SELECT item_hash, content -> '$.on.message' AS wanted FROM messages"  # noqa: S608 - our own words
        f" WHERE type = 'PROGRAM' AND content -> '$.on.message' IS NOT NULL ORDER BY time {way}"
    )
    return answer(
        [{"item_hash": row["item_hash"], "content": {"on": {"message": parse_json(row["wanted"])}}} for row in rows]
    )


def _path_page(request: web.Request) -> int:
    text = request.match_info["page"]
    if not text.isascii() or not text.isdigit():
        raise web.HTTPBadRequest(text=f"Invalid page value in path: {text}")
    if not 1 <= int(text[:10]) < 2**31:
        raise unprocessable("Page number must be greater than 1.")
    return int(text[:10])
