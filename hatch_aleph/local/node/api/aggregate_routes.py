"""Aggregates over HTTP (pyaleph's ``web/controllers/aggregates.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from hatch_aleph.local.node.api.support import answer, node_of, query_of
from hatch_aleph.local.node.database import Query
from hatch_aleph.local.node.list_pages import CommaSeparated, Pages
from hatch_aleph.local.node.times import to_iso

if TYPE_CHECKING:
    import sqlite3

_ALL = """
(SELECT owner, key, min(time) AS created, max(time) AS updated FROM aggregate_elements GROUP BY owner, key)
"""


class AggregateQuery(BaseModel):
    """What can be asked of an address's aggregates."""

    keys: CommaSeparated[str] | None = None
    limit: int = 1000
    with_info: bool = False
    value_only: bool = False


class AggregatesQuery(Pages):
    """What can be asked of everybody's aggregates, by these names alone."""

    keys: CommaSeparated[str] | None = None
    addresses: CommaSeparated[str] | None = None
    sort_by: Literal["creation_time", "last_modified"] = Field(default="last_modified", alias="sortBy")
    sort_order: Literal["1", "-1"] = Field(default="-1", alias="sortOrder")
    pagination: int = Field(default=20, ge=1, le=500)


def _iso(moment: int) -> str:
    return to_iso(moment).replace("Z", "+00:00")


async def get_aggregates(request: web.Request) -> web.Response:
    """Give the aggregates of an address, all or by their keys."""
    query, address = query_of(request, AggregateQuery), request.match_info["address"]
    found = node_of(request).state.aggregates.of(address, query.keys)
    if not found:
        raise web.HTTPNotFound(text="No aggregate found for this address")
    if query.value_only and query.keys and len(query.keys) == 1:
        return answer(found[query.keys[0]].content)
    infos = {
        key: {
            "created": _iso(each.created),
            "last_updated": _iso(each.updated),
            "original_item_hash": each.first_element,
            "last_update_item_hash": each.last_element,
        }
        for key, each in found.items()
    }
    data = {key: each.content for key, each in found.items()}
    return answer({"address": address, "data": data, "info": infos if query.with_info else {}})


async def list_aggregates(request: web.Request) -> web.Response:
    """List the aggregates of all addresses, by time of creation or of the last change."""
    asked, state = query_of(request, AggregatesQuery), node_of(request).state
    query = Query(state.database, _ALL)
    query.add_in("owner", asked.addresses)
    query.add_in("key", asked.keys)

    def shown(row: sqlite3.Row) -> dict[str, Any]:
        times = {"created": _iso(row["created"]), "last_updated": _iso(row["updated"])}
        content = state.aggregates.get(row["owner"], row["key"])
        return {"address": row["owner"], "key": row["key"], "content": content, **times}

    part = asked.part_of(
        "aggregates",
        query,
        keys={"t": "updated" if asked.sort_by == "last_modified" else "created", "k": "key", "o": "owner"},
        shown=shown,
    )
    return answer(part)
