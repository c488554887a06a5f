"""Addresses: balances, files, credits, aggregates, permissions, and the faucet.

Sources: ``web/controllers/accounts.py`` and ``aggregates.py`` in aleph-im/pyaleph.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field, field_validator

from hatch_aleph.local.node.api.support import answer, body_of, node_of, query_of, unprocessable
from hatch_aleph.local.node.times import to_iso

if TYPE_CHECKING:
    from hatch_aleph.local.node.embedded_node import Node

_ADDRESS = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_FAUCET_LIMIT = 10**18


class _Pages(BaseModel):
    pagination: int = Field(default=100, ge=0, lt=2**31)
    page: int = Field(default=1, ge=1, lt=2**31)
    sort_order: Literal["1", "-1"] = "-1"

    def cut(self, items: list[Any]) -> list[Any]:
        """Take one page of a list."""
        items = items if self.sort_order == "-1" else items[::-1]
        start = (self.page - 1) * self.pagination
        return items[start : start + self.pagination] if self.pagination else items


class FileQuery(_Pages):
    """What can be asked of a list of files."""

    file_hash: str | None = None


class HistoryQuery(_Pages):
    """What can be asked of a credit history."""

    pagination: int = Field(default=0, ge=0, lt=2**31)
    payment_method: str | None = None
    origin: str | None = None


class GrantQuery(_Pages):
    """What can be asked of permissions."""

    pagination: int = Field(default=20, ge=0, lt=2**31)
    grantee: str | None = None
    granter: str | None = None


class BalanceQuery(BaseModel):
    """What can be asked of a balance."""

    chain: str | None = None
    include_credit_details: bool = False


def _balance(node: Node, address: str, chain: str | None = None) -> dict[str, Any]:
    accounts = node.state.balances
    tokens = accounts.tokens(address, chain)
    return {
        "address": address,
        "balance": float(sum(tokens.values(), Decimal(0))),
        "details": {} if chain else {name: float(amount) for name, amount in tokens.items()},
        "locked_amount": float(accounts.spent(address, "hold")),
        "credit_balance": accounts.credits(address),
        "credit_balance_details": None,
    }


async def get_balance(request: web.Request) -> web.Response:
    """Tell tokens, held tokens and credits of an address."""
    query, address = query_of(request, BalanceQuery), request.match_info["address"]
    balance = _balance(node_of(request), address, query.chain)
    if query.include_credit_details:
        balance["credit_balance_details"] = [{"expiration_date": None, "amount": balance["credit_balance"]}]
    return answer(balance)


async def post_faucet(request: web.Request) -> web.Response:
    """Add credits and tokens to an address, or take them with a minus; answers its new balance."""
    body, node = await body_of(request), node_of(request)
    address, credit_amount, tokens = body.get("address"), body.get("credits", 0), body.get("tokens", 0)
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise unprocessable("'address': expected an address")
    if isinstance(credit_amount, bool) or not isinstance(credit_amount, int) or abs(credit_amount) > _FAUCET_LIMIT:
        raise unprocessable("'credits': expected a whole number")
    if isinstance(tokens, bool) or not isinstance(tokens, int | float) or not abs(tokens) <= _FAUCET_LIMIT:
        raise unprocessable("'tokens': expected a number")
    with node.state.database.transaction():
        node.state.balances.give(address, credit_amount, Decimal(str(tokens)), node.now())
        node.state.balances.settle(node.now())
    return answer(_balance(node, address))


async def get_files(request: web.Request) -> web.Response:
    """List the files an address stores."""
    query, address, database = (
        query_of(request, FileQuery),
        request.match_info["address"],
        node_of(request).state.database,
    )
    rows = database.all(
        "SELECT pins.*, files.size FROM pins JOIN files ON files.hash = pins.file_hash"
        " WHERE kind = 'message' AND owner = ? ORDER BY created DESC, item_hash",
        (address,),
    )
    page = query.cut([row for row in rows if query.file_hash in (None, row["file_hash"])])
    if not page:
        raise web.HTTPNotFound
    files = [
        {
            "file_hash": row["file_hash"],
            "size": row["size"],
            "type": "file",
            "created": to_iso(row["created"]),
            "item_hash": row["item_hash"],
        }
        for row in page
    ]
    total_size = sum(row["size"] for row in rows)
    return answer({"address": address, "total_size": total_size, "files": files, **_paging(query, len(rows))})


async def get_credit_history(request: web.Request) -> web.Response:
    """List what an address's credits came from and went to."""
    query, address = query_of(request, HistoryQuery), request.match_info["address"]
    entries = [
        entry
        for entry in node_of(request).state.balances.history(address)
        if query.payment_method in (None, entry["payment_method"]) and query.origin in (None, entry["origin"])
    ]
    if not entries:
        raise web.HTTPNotFound(text="No credit history found for this address")
    history = [_history_entry(entry) for entry in query.cut(entries)]
    return answer({"address": address, "credit_history": history, **_paging(query, len(entries))})


def _history_entry(entry: dict[str, Any]) -> dict[str, Any]:
    unknown = ("price", "bonus_amount", "tx_hash", "token", "chain", "provider", "origin_ref", "expiration_date")
    return {
        "amount": entry["amount"],
        **dict.fromkeys(unknown),
        "origin": entry["origin"],
        "payment_method": entry["payment_method"],
        "credit_ref": entry["credit_ref"],
        "credit_index": entry["credit_index"],
        "message_timestamp": to_iso(entry["time"]),
        "expense_count": None,
        "expense_size_mib": None,
    }


async def get_granted(request: web.Request) -> web.Response:
    """List whom an address lets act for it."""
    query, address = query_of(request, GrantQuery), request.match_info["address"]
    grants = _grants(node_of(request), address)
    return _answer_grants({key: grants[key] for key in grants if query.grantee in (None, key)}, query, address)


async def get_received(request: web.Request) -> web.Response:
    """List which addresses let this one act for them."""
    query, address, node = query_of(request, GrantQuery), request.match_info["address"], node_of(request)
    received = {}
    for owner in node.state.aggregates.owners("security"):
        entries = _grants(node, owner).get(address)
        if entries and query.granter in (None, owner):
            received[owner] = entries
    return _answer_grants(received, query, address)


def _grants(node: Node, owner: str) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    entries = node.state.aggregates.get(owner, "security").get("authorizations", [])
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("address"), str) and entry["address"]:
            grant = {key: value for key, value in entry.items() if key != "address"}
            grouped.setdefault(entry["address"], []).append(grant)
    return grouped


def _answer_grants(grants: dict[str, Any], query: GrantQuery, address: str) -> web.Response:
    page = {key: grants[key] for key in query.cut(list(grants))}
    return answer(
        {"authorizations": page, **_paging(query, len(grants)), "pagination_item": "authorizations", "address": address}
    )


def _paging(query: _Pages, total: int) -> dict[str, int]:
    return {"pagination_page": query.page, "pagination_total": total, "pagination_per_page": query.pagination}


class AggregateQuery(BaseModel):
    """What can be asked of aggregates."""

    keys: list[str] | None = None
    limit: int = 1000
    with_info: bool = False
    value_only: bool = False

    @field_validator("keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value


async def get_aggregates(request: web.Request) -> web.Response:
    """Give the aggregates of an address, all or by their keys."""
    query, address = query_of(request, AggregateQuery), request.match_info["address"]
    found = node_of(request).state.aggregates.of(address, query.keys)
    if not found:
        raise web.HTTPNotFound(text="No aggregate found for this address")
    if query.value_only and query.keys and len(query.keys) == 1:
        return answer(found[query.keys[0]][0])
    infos = {
        key: {
            "created": to_iso(info["created"]).replace("Z", "+00:00"),
            "last_updated": to_iso(info["last_updated"]).replace("Z", "+00:00"),
            "original_item_hash": info["original_item_hash"],
            "last_update_item_hash": info["last_update_item_hash"],
        }
        for key, (_, info) in found.items()
    }
    data = {key: content for key, (content, _) in found.items()}
    return answer({"address": address, "data": data, "info": infos if query.with_info else {}})
