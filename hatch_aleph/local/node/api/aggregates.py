"""Aggregates over HTTP (pyaleph's ``web/controllers/aggregates.py``)."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, field_validator

from hatch_aleph.local.node.api.support import answer, node_of, query_of
from hatch_aleph.local.node.times import to_iso


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
    found = node_of(request).books.aggregates.of(address, query.keys)
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
