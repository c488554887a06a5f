"""Every route of the node, with what it takes and gives: the application and its OpenAPI document come from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.local.node.api import address_routes as addresses
from hatch_aleph.local.node.api import aggregate_routes as aggregates
from hatch_aleph.local.node.api import cost_routes as costs
from hatch_aleph.local.node.api import credit_routes as balances
from hatch_aleph.local.node.api import file_routes as files
from hatch_aleph.local.node.api import message_routes as messages
from hatch_aleph.local.node.api import page, websocket
from hatch_aleph.local.node.api import upload_routes as uploads
from hatch_aleph.local.node.filters import LiveFilters, PagedFilters

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web
    from pydantic import BaseModel

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_NUMBER = {"type": "number"}
_WHOLE = {"type": "integer"}
_UNKNOWN: dict[str, Any] = {}


def _object(required: str | None = None, **properties: Any) -> dict[str, Any]:
    """Return the schema of an object; all of its properties are required unless some are named."""
    names = properties if required is None else required.split()
    return {"type": "object", "required": [*names], "properties": properties}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_ANY = {"type": "object"}
_PAGE = {"pagination_page": _WHOLE, "pagination_total": _WHOLE, "pagination_per_page": _WHOLE}
_MESSAGE = _object(
    sender=_TEXT,
    chain={"enum": ["ETH", "BASE", "AVAX", "SOL"]},
    type={"enum": ["STORE", "PROGRAM", "INSTANCE", "FORGET", "AGGREGATE", "POST"]},
    time=_NUMBER,
    item_type={"enum": ["inline", "storage", "ipfs"]},
    item_hash=_TEXT,
    item_content=_TEXT,
    signature=_TEXT,
    channel=_TEXT,
)
_STATUS = _object(status=_TEXT, item_hash=_TEXT, reception_time=_TEXT)
_FILE = _object(ref=_TEXT, owner=_TEXT, file_hash=_TEXT, download_url=_TEXT, size=_WHOLE)
_FILES = _object("address total_size files", **_PAGE)
_HISTORY = _object("address credit_history", **_PAGE)
_SUMS = _object("address entry_count total_amount")
_UPLOADED = _object(status=_TEXT, hash=_TEXT)
_COSTS = _object(required_tokens=_NUMBER, payment_type=_TEXT, cost=_TEXT, detail=_list(_ANY), charged_address=_TEXT)
_BALANCE = _object(address=_TEXT, balance=_NUMBER, details=_ANY, locked_amount=_NUMBER, credit_balance=_WHOLE)
_FAUCET = _object("address", address=_TEXT, credits=_WHOLE, tokens=_NUMBER)
_PUBLISHED = _object(publication_status=_ANY, message_status=_TEXT)
_CONSUMED = _object(item_hash=_TEXT, consumed_credits=_WHOLE)
_GRANTS = _object(authorizations=_ANY, address=_TEXT)
_TOPIC = _object(topic=_TEXT, data=_TEXT)
_FORM = _object("file", file={"type": "string", "format": "binary"}, metadata=_TEXT)
_VERSION = _object(version=_TEXT)


@dataclass(frozen=True)
class Route:
    """One route.

    Attributes:
        body: Schema of the request's body, or None.
        form: Whether the body is a form with a file rather than JSON.
        gives: Schema of the answer, or None when it is no JSON.
        also: Further statuses of success.
    """

    method: str
    path: str
    handler: Handler
    gives: dict[str, Any] | None
    query: type[BaseModel] | None = None
    body: dict[str, Any] | None = None
    form: bool = False
    also: tuple[int, ...] = ()


def _get(
    path: str, handler: Handler, gives: dict[str, Any] | None = _UNKNOWN, query: type[BaseModel] | None = None
) -> Route:
    return Route("GET", f"/api/v0/{path}", handler, gives, query)


def _post(path: str, handler: Handler, gives: dict[str, Any], body: dict[str, Any], **more: Any) -> Route:
    return Route("POST", f"/api/v0/{path}", handler, gives, body=body, **more)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", page.get_page, gives=None),
    Route("GET", "/version", page.get_version, _VERSION),
    Route("POST", "/faucet", addresses.post_faucet, _BALANCE, body=_FAUCET),
    Route("GET", "/local/volumes/{file_hash}.json", page.get_volume, _object(entries=_list(_ANY))),
    Route("GET", "/api/ws0/messages", websocket.watch_messages, None, LiveFilters),
    _get("version", page.get_version, _VERSION),
    _get("info/public.json", page.get_public_info, _object("node_multi_addresses")),
    _post("messages", messages.post_message, _PUBLISHED, _object("message", message=_MESSAGE, sync=_FLAG), also=(202,)),
    _get("messages.json", messages.list_messages, _object(messages=_list(_ANY)), PagedFilters),
    _get("messages/hashes", messages.list_hashes, _object("hashes", **_PAGE), messages.HashFilters),
    _get("messages/page/{page}.json", messages.list_messages, _ANY, PagedFilters),
    _get("messages/{item_hash}", messages.get_message, _STATUS),
    _get("messages/{item_hash}/content", messages.get_content),
    _get("messages/{item_hash}/status", messages.get_status, _STATUS),
    _get("messages/{item_hash}/consumed_credits", balances.get_consumed, _CONSUMED),
    _post("ipfs/pubsub/pub", messages.post_pubsub, _UNKNOWN, _TOPIC),
    _post("p2p/pubsub/pub", messages.post_pubsub, _UNKNOWN, _TOPIC),
    _post("storage/add_file", uploads.add_storage_file, _UPLOADED, _FORM, form=True, also=(202,)),
    _post("ipfs/add_file", uploads.add_ipfs_file, _UPLOADED, _FORM, form=True, also=(202,)),
    _post("storage/add_json", uploads.add_storage_json, _UPLOADED, _ANY),
    _post("ipfs/add_json", uploads.add_ipfs_json, _UPLOADED, _ANY),
    _get("storage/limits.json", files.get_limits, _object("storage ipfs")),
    _get("storage/{file_hash}", files.get_encoded, _object("status hash engine content")),
    _get("storage/raw/{file_hash}", files.get_raw, None),
    _get("storage/by-message-hash/{message_hash}", files.get_by_message, _FILE),
    _get("storage/by-ref/{ref}", files.get_by_ref, _FILE),
    _get("storage/by-ref/{address}/{ref}", files.get_by_ref, _FILE),
    _get("storage/metadata/{file_hash}", files.get_metadata, _object("file_hash type size")),
    _get("storage/count/{hash}", files.get_count, _WHOLE),
    _get("addresses/{address}/balance", addresses.get_balance, _BALANCE, addresses.BalanceQuery),
    _get("addresses/{address}/files", addresses.get_files, _FILES, addresses.FileQuery),
    _get("addresses/{address}/credit_history", balances.get_credit_history, _HISTORY, balances.HistoryQuery),
    _get("addresses/{address}/credit_history/summary", balances.get_credit_summary, _SUMS, balances.CreditFilters),
    _get("authorizations/granted/{address}.json", addresses.get_granted, _GRANTS, addresses.GrantQuery),
    _get("authorizations/received/{address}.json", addresses.get_received, _GRANTS, addresses.GrantQuery),
    _get("aggregates/{address}.json", aggregates.get_aggregates, _UNKNOWN, aggregates.AggregateQuery),
    _get("aggregates.json", aggregates.list_aggregates, _object("aggregates"), aggregates.AggregatesQuery),
    _get("aggregates", aggregates.list_aggregates, _object("aggregates"), aggregates.AggregatesQuery),
    _get("balances", balances.get_balances, _object("balances"), balances.BalancesQuery),
    _get("credit_balances", balances.get_credit_balances, _object("credit_balances"), balances.BalancesQuery),
    _get("programs/on/message", messages.list_subscribed, _list(_ANY), messages.SubscribedQuery),
    _post("price/estimate/instance", costs.post_instance_estimate, _COSTS, _ANY),
    _get("price/{item_hash}", costs.get_price, _COSTS, costs.PriceQuery),
    _post("price/estimate", costs.post_estimate, _COSTS, _object(message=_MESSAGE)),
    _get("costs", costs.get_costs, _object("summary filters"), costs.CostQuery),
)
