"""The end of a message: what is left of it on the books when it is forgotten or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import sqlite3

    from hatch_aleph.local.node.database import Database


def end_message(
    database: Database,
    row: sqlite3.Row,
    status: Literal["forgotten", "removed"],
    *,
    size: int | None,
    ended_at: int,
    forgotten_by: str | None = None,
) -> None:
    """Keep the envelope of a live message under its last status, and take the message itself off the books.

    Args:
        database: Within a transaction of the caller's.
        row: Of the table ``messages``.
        status: What it ends as.
        size: Bytes of the file that it stored, if any.
        ended_at: Microseconds since 1970.
        forgotten_by: Item hashes of FORGET messages, as JSON.
    """
    item_hash = row["item_hash"]
    database.insert(
        "ended",
        item_hash=item_hash,
        status=status,
        type=row["type"],
        chain=row["chain"],
        sender=row["sender"],
        signature=row["signature"],
        item_type=row["item_type"],
        time=row["time"],
        channel=row["channel"],
        owner=row["owner"],
        payment_type=row["payment_type"] or "hold",
        size=size,
        ended_at=ended_at,
        forgotten_by=forgotten_by,
    )
    database.run("UPDATE statuses SET status = ? WHERE item_hash = ?", status, item_hash)
    for table in ("messages", "tags", "costs", "machines", "machine_refs"):
        database.run(f"DELETE FROM {table} WHERE item_hash = ?", item_hash)  # noqa: S608 - our own names
    database.run("DELETE FROM facts WHERE name = ?", f"removing:{item_hash}")
