"""Credits and tokens: histories, what a message has consumed, and who has how much.

Sources: ``web/controllers/accounts.py``, ``schemas/api/accounts.py`` and ``db/accessors/balances.py`` in
aleph-im/pyaleph.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web
from aleph_message.models import Chain  # noqa: TC002 - pydantic reads it
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hatch_aleph.local.node.api.support import answer, item_hash_of, node_of, query_of
from hatch_aleph.local.node.database import Query
from hatch_aleph.local.node.filters import MessageTypes  # noqa: TC001 - pydantic reads it
from hatch_aleph.local.node.list_pages import CommaSeparated, InvalidQueryError, Pages
from hatch_aleph.local.node.times import from_iso, to_iso, to_micros, to_seconds

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from hatch_aleph.local.node.database import Database

_NEVER_KNOWN = ("price", "bonus_amount", "tx_hash", "token", "chain", "origin_ref")  # of credits that were bought
_ORDERS = {
    "message_timestamp": "time",
    "expiration_date": "expiration",
    "payment_method": "payment_method",
    "amount": "amount",
    "origin": "origin",
    "tx_hash": "NULL",
    "provider": "provider",
}
SortBy = Literal["message_timestamp", "expiration_date", "payment_method", "amount", "origin", "tx_hash", "provider"]


class CreditFilters(BaseModel):
    """What narrows a credit history."""

    model_config = ConfigDict(populate_by_name=True)

    tx_hash: str | None = None
    token: str | None = None
    chain: str | None = None
    provider: str | None = None
    origin: str | None = None
    origin_ref: str | None = None
    payment_method: str | None = None
    has_expiration: bool | None = None
    exclude_payment_method: CommaSeparated[str] | None = None
    start_date: float | None = Field(default=None, ge=0, alias="startDate")
    end_date: float | None = Field(default=None, ge=0, alias="endDate")
    direction: Literal["incoming", "outgoing"] | None = None
    resource_types: CommaSeparated[MessageTypes] | None = Field(default=None, alias="resourceTypes")
    resource: str | None = None

    @field_validator("start_date", "end_date")
    @classmethod
    def _is_a_time(cls, value: float | None) -> float | None:
        if value is not None:
            to_micros(value)
        return value

    @model_validator(mode="after")
    def _order(self) -> CreditFilters:
        if self.start_date is not None and self.end_date is not None and self.end_date < self.start_date:
            raise ValueError("end date cannot be lower than start date.")
        return self

    def query(self, database: Database, address: str) -> Query:
        """Turn the filters into a query of an address's history."""
        query = Query(database, "credit_history")
        query.add("address = ?", address)
        wanted: tuple[tuple[str, Any], ...] = (
            ("provider = ?", self.provider),
            ("origin = ?", self.origin),
            ("origin = ?", self.resource),
            ("payment_method = ?", self.payment_method),
            ("time >= ?", None if self.start_date is None else to_micros(self.start_date)),
            ("time <= ?", None if self.end_date is None else to_micros(self.end_date)),
            # What is bought is the only entry that has these, and nothing is bought here.
            *(("NULL = ?", getattr(self, name)) for name in ("tx_hash", "token", "chain", "origin_ref")),
            *(("payment_method <> ?", method) for method in self.exclude_payment_method or ()),
        )
        for part, value in wanted:
            if value is not None:
                query.add(part, value)
        if self.has_expiration is not None:
            query.add(f"expiration IS {'NOT ' if self.has_expiration else ''}NULL")
        if self.direction:
            query.add("amount > 0" if self.direction == "incoming" else "amount < 0")
        if self.resource_types:
            types = json.dumps(self.resource_types)
            query.add(
                "origin IN (SELECT item_hash FROM messages WHERE type IN (SELECT value FROM json_each(?)))", types
            )
        return query


class HistoryQuery(CreditFilters, Pages):
    """What can be asked of a credit history."""

    pagination: int = Field(default=0, ge=0, lt=2**31)
    sort_by: SortBy = "message_timestamp"
    sort_order: Literal["1", "-1"] = "-1"


class BalancesQuery(Pages):
    """What can be asked of everybody's balances."""

    min_balance: int = Field(default=0, ge=1, lt=2**53)
    chains: CommaSeparated[Chain] | None = None


async def get_credit_history(request: web.Request) -> web.Response:
    """List what an address's credits came from and went to."""
    asked, address = query_of(request, HistoryQuery), request.match_info["address"]
    query = asked.query(node_of(request).state.database, address)
    column, way = _ORDERS[asked.sort_by], "DESC" if asked.sort_order == "-1" else "ASC"
    order = f"{column} {way} NULLS LAST, credit_ref {way}, credit_index {way}"
    if asked.cursor is not None:
        _begin_after(query, asked, column)
        rows = query.rows(order, asked.cursor_size + 1)
        page = asked.by_cursor(
            "credit_history", rows, lambda row: _entry(row, to_seconds), lambda row: _place(row, asked)
        )
    else:
        rows = query.rows(order, asked.pagination, asked.offset)
        page = asked.by_page("credit_history", [_entry(row, to_iso) for row in rows], query.count(), item=False)
    if not rows:
        raise web.HTTPNotFound(text="No credit history found for this address")
    return answer({"address": address, **page})


def _begin_after(query: Query, asked: HistoryQuery, column: str) -> None:
    place = asked.read_cursor(s=str, v=lambda value: value, o=int, r=str, i=int)
    if place is None:
        return
    sort_by, value, order, *tie = place
    for name, key, here, there in (
        ("field", "sort_by", asked.sort_by, sort_by),
        ("order", "sort_order", int(asked.sort_order), order),
    ):
        if here != there:
            raise InvalidQueryError(
                f"Cursor sort {name} mismatch: cursor was created with {key}={there}, but request has {key}={here}"
            )
    if sort_by in ("message_timestamp", "expiration_date") and value is not None:
        value = from_iso(value)
    sign = "<" if order < 0 else ">"
    later = f"(credit_ref, credit_index) {sign} (?, ?)"
    if value is None:
        query.add(f"{column} IS NULL AND {later}", *tie)
    else:
        query.add(f"({column} {sign} ? OR ({column} = ? AND {later}) OR {column} IS NULL)", value, value, *tie)


def _place(row: sqlite3.Row, asked: HistoryQuery) -> dict[str, Any]:
    column = _ORDERS[asked.sort_by]
    value = None if column == "NULL" else row[column]
    if asked.sort_by in ("message_timestamp", "expiration_date") and value is not None:
        value = to_iso(value)
    return {
        "s": asked.sort_by,
        "v": value,
        "o": int(asked.sort_order),
        "r": row["credit_ref"],
        "i": row["credit_index"],
    }


def _entry(row: sqlite3.Row, moment: Callable[[int], Any]) -> dict[str, Any]:
    return {
        "amount": row["amount"],
        **dict.fromkeys(_NEVER_KNOWN),
        "provider": row["provider"],
        "origin": row["origin"],
        "payment_method": row["payment_method"],
        "credit_ref": row["credit_ref"],
        "credit_index": row["credit_index"],
        "expiration_date": None if row["expiration"] is None else moment(row["expiration"]),
        "message_timestamp": moment(row["time"]),
        "expense_count": None,
        "expense_size_mib": None,
    }


async def get_credit_summary(request: web.Request) -> web.Response:
    """Sum what an address's credits came from and went to."""
    address = request.match_info["address"]
    rows = query_of(request, CreditFilters).query(node_of(request).state.database, address).rows("id")
    incoming = sum(row["amount"] for row in rows if row["amount"] > 0)
    outgoing = sum(row["amount"] for row in rows if row["amount"] < 0)
    sums = {"total_amount": incoming + outgoing, "total_incoming": incoming, "total_outgoing": outgoing}
    return answer({"address": address, "entry_count": len(rows), **sums})


async def get_consumed(request: web.Request) -> web.Response:
    """Tell how many credits a message has cost so far."""
    item_hash = item_hash_of(request)
    consumed = node_of(request).state.balances.consumed([item_hash]).get(item_hash, 0)
    return answer({"item_hash": item_hash, "consumed_credits": consumed})


async def get_balances(request: web.Request) -> web.Response:
    """List everybody's tokens by chain."""
    asked, query = query_of(request, BalancesQuery), Query(node_of(request).state.database, "balances")
    query.add("CAST(balance AS REAL) >= ?", asked.min_balance)
    query.add_in("chain", asked.chains)
    part = asked.part_of(
        "balances",
        query,
        keys={"a": "address"},
        shown=lambda row: {**row, "balance": float(row["balance"])},
    )
    return answer(part)


async def get_credit_balances(request: web.Request) -> web.Response:
    """List everybody's credits."""
    asked, query = query_of(request, BalancesQuery), Query(node_of(request).state.database, "credit_totals")
    query.add("amount >= ?", asked.min_balance)
    part = asked.part_of(
        "credit_balances",
        query,
        keys={"a": "address"},
        shown=lambda row: {"address": row["address"], "credits": row["amount"]},
    )
    return answer(part)
