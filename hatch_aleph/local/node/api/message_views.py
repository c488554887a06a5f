"""Messages as the API shows them: in lists with the content as sent, alone with the content's defaults filled in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hatch_aleph.local.node.envelope import ENVELOPE
from hatch_aleph.local.node.ledger import message_of, read_content
from hatch_aleph.local.node.times import to_iso, to_seconds

if TYPE_CHECKING:
    import sqlite3

    from hatch_aleph.local.node.database import Database
    from hatch_aleph.local.node.envelope import Message

_HEADERS = {
    "POST": (("type", "content_type"), ("ref", "content_ref")),
    "AGGREGATE": (("key", "content_key"),),
    "STORE": (("item_hash", "content_item_hash"), ("ref", "content_ref")),
}
_ENDED = ("sender", "chain", "signature", "type", "item_type", "item_hash", "channel", "owner", "payment_type", "size")


def in_list(row: sqlite3.Row, shown: str = "full") -> dict[str, Any]:
    """Show a live message as ``messages.json`` does."""
    message: dict[str, Any] = {key: row[key] for key in (*ENVELOPE, "size")}
    message.update(time=to_seconds(row["time"]), confirmed=False, confirmations=[])
    if shown == "full":
        message["content"] = json.loads(row["content"])
    elif shown == "headers":
        parts = ((name, row[column]) for name, column in _HEADERS.get(row["type"], ()))
        message["content"] = {"address": row["owner"], **{name: value for name, value in parts if value is not None}}
    return message


def alone(message: Message) -> dict[str, Any]:
    """Show a processed message with its content as the network's model reads it."""
    parsed = message.parsed or read_content(message).parsed
    assert parsed is not None  # noqa: S101 - for the type checker: read_content always parses
    return {**message.wire(), "content": parsed.model_dump(mode="json"), "confirmed": False, "confirmations": []}


def ended(row: sqlite3.Row) -> dict[str, Any]:
    """Show what is left of a forgotten or removed message."""
    moment = "forgotten_at" if row["status"] == "forgotten" else "removed_at"
    return {**{key: row[key] for key in _ENDED}, "time": to_seconds(row["time"]), moment: to_seconds(row["ended_at"])}


def ended_in_list(row: sqlite3.Row) -> dict[str, Any]:
    """Show what is left of a message as ``messages.json`` does, with the status that it ended as."""
    more = {"forgotten_by": json.loads(row["forgotten_by"])} if row["status"] == "forgotten" else {}
    return {**ended(row), "status": row["status"], **more}


def as_before_billing(message: dict[str, Any]) -> None:
    """Show what is left of a forgotten message as nodes before 0.10.3 do."""
    for name in ("owner", "payment_type", "size", "forgotten_at"):
        message.pop(name, None)
    message["time"] = to_iso(round(message["time"] * 10**6))


def removal_reason(payment_type: str | None) -> str:
    """Name what ran out."""
    return "credit_insufficient" if payment_type == "credit" else "balance_insufficient"


def with_status(database: Database, item_hash: str) -> dict[str, Any] | None:
    """Show a message with its status and what goes with it; None when the node never heard of it."""
    row = database.one("SELECT * FROM statuses WHERE item_hash = ?", item_hash)
    if row is None:
        return None
    status = row["status"]
    shown = {"status": status, "item_hash": item_hash, "reception_time": to_iso(row["reception_time"])}
    shown.update(
        {"processed": _live, "removing": _live, "pending": _pending, "rejected": _rejected}.get(status, _ended)(
            database, item_hash
        )
    )
    return shown


def _live(database: Database, item_hash: str) -> dict[str, Any]:
    row = database.one("SELECT * FROM messages WHERE item_hash = ?", item_hash)
    assert row is not None  # noqa: S101 - status and message change in one transaction
    shown: dict[str, Any] = {"message": alone(message_of(row))}
    if row["status"] == "removing":
        shown["reason"] = removal_reason(row["payment_type"])
    return shown


def _pending(database: Database, item_hash: str) -> dict[str, Any]:
    rows = database.all("SELECT * FROM pending WHERE item_hash = ?", (item_hash,))
    messages = []
    for row in rows:
        message = json.loads(row["message"])
        message["time"] = to_iso(round(message["time"] * 10**6))
        messages.append({**message, "reception_time": to_iso(row["reception_time"])})
    return {"messages": messages}


def _rejected(database: Database, item_hash: str) -> dict[str, Any]:
    row = database.one("SELECT * FROM rejected WHERE item_hash = ?", item_hash)
    assert row is not None  # noqa: S101 - as above
    details = json.loads(row["details"]) if row["details"] else None
    return {"message": json.loads(row["message"]), "error_code": row["error_code"], "details": details}


def _ended(database: Database, item_hash: str) -> dict[str, Any]:
    row = database.one("SELECT * FROM ended WHERE item_hash = ?", item_hash)
    assert row is not None  # noqa: S101 - as above
    if row["status"] == "forgotten":
        return {"message": ended(row), "forgotten_by": json.loads(row["forgotten_by"])}
    return {
        "message": ended(row),
        "reason": removal_reason(row["payment_type"]),
        "removed_at": to_seconds(row["ended_at"]),
        "size": row["size"],
    }
