"""Aggregates over HTTP (pyaleph's ``web/controllers/aggregates.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from hatch_aleph.local.node.api.support import answer, node_of, query_of
from hatch_aleph.local.node.list_pages import CommaSeparated, Pages
from hatch_aleph.local.node.times import from_iso, to_iso

if TYPE_CHECKING:
    from hatch_aleph.local.node.aggregates import Aggregate


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
    asked = query_of(request, AggregatesQuery)
    descending = asked.sort_order == "-1"

    def moment(each: Aggregate) -> int:
        return each.updated if asked.sort_by == "last_modified" else each.created

    def place(each: Aggregate) -> tuple[int, str, str]:
        return -moment(each) if descending else moment(each), each.key, each.owner

    def shown(each: Aggregate) -> dict[str, Any]:
        times = {"created": _iso(each.created), "last_updated": _iso(each.updated)}
        return {"address": each.owner, "key": each.key, "content": each.content, **times}

    found = sorted(node_of(request).state.aggregates.all(asked.addresses, asked.keys), key=place)
    if asked.cursor is None:
        page = found[asked.offset : asked.offset + asked.pagination]
        return answer(asked.by_page("aggregates", [shown(each) for each in page], len(found)))
    after = asked.read_cursor(t=from_iso, k=str, o=str)
    if after:
        begin = (-after[0] if descending else after[0], *after[1:])
        found = [each for each in found if place(each) > begin]
    return answer(
        asked.by_cursor(
            "aggregates", found, shown, lambda each: {"t": to_iso(moment(each)), "k": each.key, "o": each.owner}
        )
    )
