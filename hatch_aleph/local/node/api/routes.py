"""Every route of the node, with what it takes and gives: the application and its OpenAPI document come from here."""

from __future__ import annotations

from dataclasses import dataclass, field
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

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_NUMBER = {"type": "number"}
_WHOLE = {"type": "integer"}


def _object(required: str = "", **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_PAGE = {"pagination_page": _WHOLE, "pagination_total": _WHOLE, "pagination_per_page": _WHOLE}
_MESSAGE = _object(
    "sender chain type time item_type item_hash item_content signature channel",
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
_STATUS = _object("status item_hash reception_time", status=_TEXT, item_hash=_TEXT, reception_time=_TEXT)
_FILE = _object(
    "ref owner file_hash download_url size", ref=_TEXT, owner=_TEXT, file_hash=_TEXT, download_url=_TEXT, size=_WHOLE
)
_UPLOADED = _object("status hash", status=_TEXT, hash=_TEXT)
_COSTS = _object(
    "required_tokens payment_type cost detail charged_address",
    required_tokens=_NUMBER,
    payment_type=_TEXT,
    cost=_TEXT,
    detail=_list({"type": "object"}),
    charged_address=_TEXT,
)
_BALANCE = _object(
    "address balance details locked_amount credit_balance",
    address=_TEXT,
    balance=_NUMBER,
    details={"type": "object"},
    locked_amount=_NUMBER,
    credit_balance=_WHOLE,
)
_PUBLISHED = _object("publication_status message_status", publication_status={"type": "object"}, message_status=_TEXT)
_GRANTS = _object("authorizations address", authorizations={"type": "object"}, address=_TEXT)
_FORM = _object("file", file={"type": "string", "format": "binary"}, metadata=_TEXT)
_LISTED = {"type": "object"}


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
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    gives: dict[str, Any] | None = field(default_factory=dict)
    query: type[BaseModel] | None = None
    body: dict[str, Any] | None = None
    form: bool = False
    also: tuple[int, ...] = ()


_V0 = "/api/v0"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/", page.get_page, gives=None),
    Route("GET", "/version", page.get_version, _object("version", version=_TEXT)),
    Route("GET", f"{_V0}/version", page.get_version, _object("version", version=_TEXT)),
    Route("GET", f"{_V0}/info/public.json", page.get_public_info, _object("node_multi_addresses")),
    Route(
        "POST",
        "/faucet",
        addresses.post_faucet,
        _BALANCE,
        body=_object("address", address=_TEXT, credits=_WHOLE, tokens=_NUMBER),
    ),
    Route("GET", "/local/volumes/{file_hash}.json", page.get_volume, _object("entries", entries=_list(_LISTED))),
    Route(
        "POST",
        f"{_V0}/messages",
        messages.post_message,
        _PUBLISHED,
        body=_object("message", message=_MESSAGE, sync=_FLAG),
        also=(202,),
    ),
    Route(
        "GET",
        f"{_V0}/messages.json",
        messages.list_messages,
        _object("messages", messages=_list(_LISTED)),
        PagedFilters,
    ),
    Route(
        "GET",
        f"{_V0}/messages/hashes",
        messages.list_hashes,
        _object("hashes", **_PAGE),
        messages.HashFilters,
    ),
    Route("GET", f"{_V0}/messages/page/{{page}}.json", messages.list_messages, _LISTED, PagedFilters),
    Route("GET", f"{_V0}/messages/{{item_hash}}", messages.get_message, _STATUS),
    Route("GET", f"{_V0}/messages/{{item_hash}}/content", messages.get_content),
    Route("GET", f"{_V0}/messages/{{item_hash}}/status", messages.get_status, _STATUS),
    Route("GET", "/api/ws0/messages", websocket.watch_messages, None, LiveFilters),
    Route(
        "POST",
        f"{_V0}/ipfs/pubsub/pub",
        messages.post_pubsub,
        body=_object("topic data", topic=_TEXT, data=_TEXT),
    ),
    Route("POST", f"{_V0}/p2p/pubsub/pub", messages.post_pubsub, body=_object("topic data", topic=_TEXT, data=_TEXT)),
    Route("POST", f"{_V0}/storage/add_file", uploads.add_storage_file, _UPLOADED, body=_FORM, form=True, also=(202,)),
    Route("POST", f"{_V0}/ipfs/add_file", uploads.add_ipfs_file, _UPLOADED, body=_FORM, form=True, also=(202,)),
    Route("POST", f"{_V0}/storage/add_json", uploads.add_storage_json, _UPLOADED, body={"type": "object"}),
    Route("POST", f"{_V0}/ipfs/add_json", uploads.add_ipfs_json, _UPLOADED, body={"type": "object"}),
    Route("GET", f"{_V0}/storage/limits.json", files.get_limits, _object("storage ipfs")),
    Route("GET", f"{_V0}/storage/{{file_hash}}", files.get_encoded, _object("status hash engine content")),
    Route("GET", f"{_V0}/storage/raw/{{file_hash}}", files.get_raw, None),
    Route("GET", f"{_V0}/storage/by-message-hash/{{message_hash}}", files.get_by_message, _FILE),
    Route("GET", f"{_V0}/storage/by-ref/{{ref}}", files.get_by_ref, _FILE),
    Route("GET", f"{_V0}/storage/by-ref/{{address}}/{{ref}}", files.get_by_ref, _FILE),
    Route("GET", f"{_V0}/storage/metadata/{{file_hash}}", files.get_metadata, _object("file_hash type size")),
    Route("GET", f"{_V0}/storage/count/{{hash}}", files.get_count, _WHOLE),
    Route("GET", f"{_V0}/addresses/{{address}}/balance", addresses.get_balance, _BALANCE, addresses.BalanceQuery),
    Route(
        "GET",
        f"{_V0}/addresses/{{address}}/files",
        addresses.get_files,
        _object("address total_size files", **_PAGE),
        addresses.FileQuery,
    ),
    Route(
        "GET",
        f"{_V0}/addresses/{{address}}/credit_history",
        balances.get_credit_history,
        _object("address credit_history", **_PAGE),
        balances.HistoryQuery,
    ),
    Route(
        "GET",
        f"{_V0}/authorizations/granted/{{address}}.json",
        addresses.get_granted,
        _GRANTS,
        addresses.GrantQuery,
    ),
    Route(
        "GET",
        f"{_V0}/authorizations/received/{{address}}.json",
        addresses.get_received,
        _GRANTS,
        addresses.GrantQuery,
    ),
    Route("GET", f"{_V0}/aggregates/{{address}}.json", aggregates.get_aggregates, {}, aggregates.AggregateQuery),
    Route(
        "GET", f"{_V0}/aggregates.json", aggregates.list_aggregates, _object("aggregates"), aggregates.AggregatesQuery
    ),
    Route("GET", f"{_V0}/aggregates", aggregates.list_aggregates, _object("aggregates"), aggregates.AggregatesQuery),
    Route("GET", f"{_V0}/balances", balances.get_balances, _object("balances"), balances.BalancesQuery),
    Route(
        "GET",
        f"{_V0}/credit_balances",
        balances.get_credit_balances,
        _object("credit_balances"),
        balances.BalancesQuery,
    ),
    Route(
        "GET",
        f"{_V0}/addresses/{{address}}/credit_history/summary",
        balances.get_credit_summary,
        _object("address entry_count total_amount"),
        balances.CreditFilters,
    ),
    Route(
        "GET",
        f"{_V0}/messages/{{item_hash}}/consumed_credits",
        balances.get_consumed,
        _object("item_hash consumed_credits", item_hash=_TEXT, consumed_credits=_WHOLE),
    ),
    Route("GET", f"{_V0}/programs/on/message", messages.list_subscribed, _list(_LISTED), messages.SubscribedQuery),
    Route("POST", f"{_V0}/price/estimate/instance", costs.post_instance_estimate, _COSTS, body={"type": "object"}),
    Route("GET", f"{_V0}/price/{{item_hash}}", costs.get_price, _COSTS, costs.PriceQuery),
    Route("POST", f"{_V0}/price/estimate", costs.post_estimate, _COSTS, body=_object("message", message=_MESSAGE)),
    Route("GET", f"{_V0}/costs", costs.get_costs, _object("summary filters"), costs.CostQuery),
)
