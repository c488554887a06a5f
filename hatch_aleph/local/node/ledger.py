"""The state of every message, in the database: live, waiting, rejected, and what is left of ended ones."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Literal

from hatch_aleph.local.node.costs import payment_type
from hatch_aleph.local.node.envelope import CONTENT_MODELS, ENVELOPE, Message

if TYPE_CHECKING:
    import sqlite3

    from hatch_aleph.local.node.database import Database
    from hatch_aleph.local.node.rejection import NotProcessedError


def message_of(row: sqlite3.Row) -> Message:
    """Rebuild a message from its row."""
    return Message(**{name: row[name] for name in ENVELOPE}, content=json.loads(row["content"]))


def read_content(message: Message) -> Message:
    """Parse the content of a message from the database: it was valid when it was processed."""
    parsed = CONTENT_MODELS[message.type].model_validate(message.content)
    return dataclasses.replace(message, parsed=parsed)


def content_tags(message_type: str, content: dict[str, Any]) -> list[str]:
    """Find a message's tags: where they stand depends on its type (pyaleph's ``db/models/messages.py``)."""
    if message_type == "STORE":
        tags = content.get("tags")
    else:
        holder = content.get("metadata" if message_type in ("PROGRAM", "INSTANCE", "V-PROGRAM") else "content")
        tags = holder.get("tags") if isinstance(holder, dict) else None
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


class Ledger:
    """Reads and writes the states of messages."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def status(self, item_hash: str) -> str | None:
        """Tell a message's status; None when the node never heard of it."""
        status: str | None = self._db.value("SELECT status FROM statuses WHERE item_hash = ?", item_hash)
        return status

    def _set_status(self, item_hash: str, status: str, now: int) -> None:
        """The time of reception is that of the first time."""
        row = {"item_hash": item_hash, "status": status, "reception_time": now}
        self._db.put("statuses", "item_hash", kept=["reception_time"], **row)

    def add_processed(self, message: Message, size: int, now: int) -> None:
        """Make a message live."""
        content = message.content or {}
        self._clear(message.item_hash)
        self._set_status(message.item_hash, "processed", now)
        reception = self._db.value("SELECT reception_time FROM statuses WHERE item_hash = ?", message.item_hash)
        paid = getattr(message.parsed, "payment", None)
        self._db.insert(
            "messages",
            **message.envelope,
            content=json.dumps(content),
            size=size,
            status="processed",
            reception_time=reception,
            owner=content.get("address"),
            content_type=_text(content.get("type")),
            content_ref=_text(content.get("ref")),
            content_key=_text(content.get("key")),
            content_item_hash=_text(content.get("item_hash")),
            payment_type=payment_type(message.parsed) if paid is not None else None,
        )
        for tag in set(content_tags(message.type, content)):
            self._db.insert("tags", item_hash=message.item_hash, tag=tag)

    def add_pending(self, message: Message, retries: int, next_attempt: int, now: int) -> None:
        """Keep a message for another attempt."""
        self._db.run("DELETE FROM rejected WHERE item_hash = ?", message.item_hash)
        self._set_status(message.item_hash, "pending", now)
        row = {"message": json.dumps(message.wire()), "next_attempt": next_attempt, "retries": retries}
        first = {"item_hash": message.item_hash, "reception_time": now}
        self._db.put("pending", "item_hash", kept=["message", "reception_time"], **first, **row)

    def add_rejected(self, message: Message, reason: NotProcessedError, now: int) -> None:
        """Keep why a message was rejected."""
        self._clear(message.item_hash)
        self._set_status(message.item_hash, "rejected", now)
        self._db.insert(
            "rejected",
            item_hash=message.item_hash,
            message=json.dumps({**message.wire(), "origin": "p2p"}),
            error_code=int(reason.code),
            details=json.dumps(reason.details) if reason.details is not None else None,
        )

    def end(
        self,
        row: sqlite3.Row,
        status: Literal["forgotten", "removed"],
        *,
        size: int | None,
        ended_at: int,
        forgotten_by: str | None = None,
    ) -> None:
        """Keep the envelope of a live message under its last status, and delete the message itself.

        Args:
            row: Of the table ``messages``.
            status: What it ends as.
            size: Bytes of the file that it stored, if any.
            ended_at: Microseconds since 1970.
            forgotten_by: Item hashes of FORGET messages, as JSON.
        """
        item_hash = row["item_hash"]
        self._db.insert(
            "ended",
            **{name: row[name] for name in ENVELOPE if name != "item_content"},
            owner=row["owner"],
            status=status,
            payment_type=row["payment_type"] or "hold",
            size=size,
            ended_at=ended_at,
            forgotten_by=forgotten_by,
        )
        self._db.run("UPDATE statuses SET status = ? WHERE item_hash = ?", status, item_hash)
        for table in ("messages", "tags", "machines", "machine_refs"):
            self._db.run(f"DELETE FROM {table} WHERE item_hash = ?", item_hash)  # noqa: S608 - our own names
        self._db.run("DELETE FROM facts WHERE name = ?", f"removing:{item_hash}")

    def _clear(self, item_hash: str) -> None:
        self._db.run("DELETE FROM pending WHERE item_hash = ?", item_hash)
        self._db.run("DELETE FROM rejected WHERE item_hash = ?", item_hash)


def _text(value: Any) -> str | None:
    if isinstance(value, dict):  # the ref of a POST can be a whole message, the key of an AGGREGATE an object
        value = value.get("item_hash") or value.get("name")
    return value if isinstance(value, str) else None
