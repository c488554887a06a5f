"""Aggregates: per address and key, one dictionary; each message's content is merged into it in the order of time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hatch_aleph.local.node.database import Query

if TYPE_CHECKING:
    import sqlite3

    from hatch_aleph.local.node.database import Database


@dataclass
class Aggregate:
    """One merged dictionary, with times (microseconds) and item hashes of its first and last element."""

    created: int
    first_element: str
    updated: int = 0
    last_element: str = ""
    content: dict[str, Any] = field(default_factory=dict)


class Aggregates:
    """The merged dictionaries and the elements they come from."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, item_hash: str, owner: str, key: str, content: dict[str, Any], time: int) -> None:
        """Take one element; arriving late changes nothing that is newer."""
        self._db.insert(
            "aggregate_elements", item_hash=item_hash, owner=owner, key=key, content=json.dumps(content), time=time
        )

    def forget(self, item_hash: str) -> None:
        """Take one element away; keys that only it gave are gone."""
        self._db.run("DELETE FROM aggregate_elements WHERE item_hash = ?", item_hash)

    def elements(self, owner: str, key: str) -> list[str]:
        """Name the messages an aggregate is made of."""
        rows = self._db.all("SELECT item_hash FROM aggregate_elements WHERE owner = ? AND key = ?", (owner, key))
        return [row["item_hash"] for row in rows]

    def get(self, owner: str, key: str) -> dict[str, Any]:
        """Return the content of one aggregate; empty when there is none."""
        found = self.of(owner, [key]).get(key)
        return found.content if found else {}

    def of(self, owner: str, keys: list[str] | None = None) -> dict[str, Aggregate]:
        """Return the aggregates of an address by key, all or some."""
        query = Query(self._db, "aggregate_elements")
        query.add("owner = ?", owner)
        query.add_in("key", keys)
        merged: dict[str, Aggregate] = {}
        for row in query.rows("key, time, rowid"):
            one = merged.setdefault(row["key"], Aggregate(created=row["time"], first_element=row["item_hash"]))
            one.content.update(json.loads(row["content"]))
            one.updated, one.last_element = row["time"], row["item_hash"]
        return merged

    def owners(self, key: str) -> list[str]:
        """Name the addresses that have an aggregate of that key."""
        rows = self._db.all("SELECT DISTINCT owner FROM aggregate_elements WHERE key = ? ORDER BY owner", (key,))
        return [row["owner"] for row in rows]

    def could_have_sent(self, sender: str, row: sqlite3.Row) -> bool:
        """Say whether ``sender`` could have sent a live message in its owner's name."""
        return self.is_authorized(
            sender,
            row["owner"],
            chain=row["chain"],
            channel=row["channel"],
            type_=row["type"],
            detail=row["content_key"] if row["type"] == "AGGREGATE" else row["content_type"],
        )

    def is_authorized(
        self, sender: str, owner: str, *, chain: str, channel: str | None, type_: str, detail: str | None = None
    ) -> bool:
        """Say whether ``owner`` lets ``sender`` act for it by its ``security`` aggregate (``permissions.py``).

        Chain, channel and type are those of the message in question; ``detail`` is the content's ``type`` for a POST,
        its ``key`` for an AGGREGATE.
        """
        if sender.lower() == owner.lower():
            return True
        entries = self.get(owner, "security").get("authorizations", [])
        filters = {"POST": "post_types", "AGGREGATE": "aggregate_keys"}
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, dict) or str(entry.get("address", "")).lower() != sender.lower():
                continue
            wanted = [(entry.get("channels"), channel), (entry.get("types"), type_)]
            if type_ in filters:
                wanted.append((entry.get(filters[type_]), detail))
            if entry.get("chain") and entry["chain"] != chain:
                continue
            if all(not accepted or value in accepted for accepted, value in wanted):
                return True
        return False
