"""Looking messages up: the filters of ``messages.json``, by the API's names or by its field names, as SQL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from aleph_message.models import Chain, ItemHash  # noqa: TC002 - pydantic reads them
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hatch_aleph.local.node.database import Query
from hatch_aleph.local.node.list_pages import CommaSeparated, Pages

if TYPE_CHECKING:
    from hatch_aleph.local.node.database import Database

_INTEGER_LIMIT = 2**53
MessageTypes = Literal["POST", "AGGREGATE", "STORE", "PROGRAM", "INSTANCE", "FORGET", "V-PROGRAM"]
Statuses = Literal["pending", "processed", "rejected", "forgotten", "removing", "removed"]
PaymentTypes = Literal["hold", "superfluid", "credit"]
_OF_CONTENT = ("refs", "content_types", "content_hashes", "content_keys", "tags", "start_block", "end_block")
_LIVE: list[Statuses] = ["processed", "removing"]


class Filters(BaseModel):
    """What a client can ask for; lists are separated by commas (pyaleph's ``schemas/messages_query_params.py``)."""

    model_config = ConfigDict(populate_by_name=True)

    sort_by: Literal["time", "tx-time"] = Field(default="time", alias="sortBy")
    sort_order: Literal["1", "-1"] = Field(default="-1", alias="sortOrder")
    message_type: MessageTypes | None = Field(default=None, alias="msgType")
    message_types: CommaSeparated[MessageTypes] | None = Field(default=None, alias="msgTypes")
    message_statuses: CommaSeparated[Statuses] | None = Field(default=_LIVE, alias="msgStatuses")
    addresses: CommaSeparated[str] | None = None
    owners: CommaSeparated[str] | None = None
    refs: CommaSeparated[str] | None = None
    content_hashes: CommaSeparated[ItemHash] | None = Field(default=None, alias="contentHashes")
    content_keys: CommaSeparated[ItemHash] | None = Field(default=None, alias="contentKeys")
    content_types: CommaSeparated[str] | None = Field(default=None, alias="contentTypes")
    chains: CommaSeparated[Chain] | None = None
    channels: CommaSeparated[str] | None = None
    tags: CommaSeparated[str] | None = None
    hashes: CommaSeparated[ItemHash] | None = None
    payment_types: CommaSeparated[PaymentTypes] | None = Field(default=None, alias="paymentTypes")
    exclude_content: bool = Field(default=False, alias="excludeContent")
    content_format: Literal["full", "headers", "none"] | None = Field(default=None, alias="contentFormat")
    start_date: float = Field(default=0, ge=0, lt=_INTEGER_LIMIT / 10**6, alias="startDate")
    end_date: float = Field(default=0, ge=0, lt=_INTEGER_LIMIT / 10**6, alias="endDate")
    start_block: int = Field(default=0, ge=0, alias="startBlock")
    end_block: int = Field(default=0, ge=0, alias="endBlock")

    @model_validator(mode="after")
    def order(self) -> Filters:
        """Refuse ranges that end before they start."""
        if self.start_date and self.end_date and self.end_date < self.start_date:
            raise ValueError("end date cannot be lower than start date.")
        if self.start_block and self.end_block and self.end_block < self.start_block:
            raise ValueError("end block cannot be lower than start block.")
        return self

    @property
    def shown(self) -> str:
        """How much of the content is shown: ``full``, ``headers`` or ``none``."""
        return self.content_format or ("none" if self.exclude_content else "full")

    @property
    def ended(self) -> str | None:
        """The one final status that is asked for; those messages stand in a table of their own."""
        found = [status for status in self.message_statuses or [] if status in ("forgotten", "removed")]
        return found[0] if found else None


class PagedFilters(Filters, Pages):
    """Filters with pages or a cursor."""

    pagination: int = Field(default=20, ge=0, lt=_INTEGER_LIMIT)


class LiveFilters(Filters):
    """Filters of the websocket, with how many past messages to begin with."""

    history: int | None = Field(default=10, ge=0, lt=200)


def live_query(database: Database, filters: Filters) -> Query:
    """Turn filters into a query of the live messages."""
    query = _narrowed(Query(database, "messages"), filters)
    query.add_in("status", filters.message_statuses)
    query.add_in("content_ref", filters.refs)
    query.add_in("content_item_hash", filters.content_hashes)
    query.add_in("content_key", filters.content_keys)
    query.add_in("content_type", filters.content_types)
    query.add_in("payment_type", filters.payment_types)
    if filters.tags:
        query.add(
            "item_hash IN (SELECT item_hash FROM tags WHERE tag IN (SELECT value FROM json_each(?)))",
            json.dumps(filters.tags),
        )
    if filters.start_date:
        query.add("time >= ?", int(filters.start_date * 10**6))
    if filters.end_date:
        query.add("time < ?", int(filters.end_date * 10**6))
    if filters.end_block:
        query.add("0")  # no message here is ever confirmed in a block
    return query


def ended_query(database: Database, filters: Filters) -> Query:
    """Turn filters into a query of what is left of forgotten or removed messages; dates mean when they ended."""
    query = _narrowed(Query(database, "ended"), filters)
    query.add("status = ?", filters.ended)
    query.add_in("payment_type", filters.payment_types)
    if filters.start_date:
        query.add("ended_at >= ?", int(filters.start_date * 10**6))
    if filters.end_date:
        query.add("ended_at < ?", int(filters.end_date * 10**6))
    return query


def unsupported_for_ended(filters: PagedFilters) -> list[str]:
    """Name the filters that cannot narrow ended messages, for they have no content."""
    return [Filters.model_fields[name].alias or name for name in _OF_CONTENT if getattr(filters, name)]


def _narrowed(query: Query, filters: Filters) -> Query:
    query.add_in("item_hash", filters.hashes)
    query.add_in("sender", filters.addresses)
    query.add_in("owner", filters.owners)
    query.add_in("chain", filters.chains)
    query.add_in("channel", filters.channels)
    query.add_in("type", filters.message_types)
    if filters.message_type:
        query.add("type = ?", filters.message_type)
    return query
