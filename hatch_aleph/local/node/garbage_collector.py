"""What time takes away: files nobody keeps, messages nobody pays (``garbage_collector.py`` of pyaleph)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.local.node.limits import GRACE_SECONDS

if TYPE_CHECKING:
    from hatch_aleph.local.node.rules import NodeState


def collect(state: NodeState, now: int) -> None:
    """Delete files whose last pin has ended, and turn ``removing`` messages whose time is up into ``removed`` ones."""
    database = state.database
    with database.transaction():
        _remove_unpaid(state, now)
        database.run("DELETE FROM pins WHERE kind = 'grace' AND delete_by < ?", now)
        unwanted = database.all(  # a file may wait for its message, so it is given the same day as any other
            "SELECT hash FROM files WHERE present AND added < ?"
            " AND NOT EXISTS (SELECT 1 FROM pins WHERE file_hash = files.hash)",
            (now - GRACE_SECONDS * 10**6,),
        )
        for row in unwanted:
            database.run("DELETE FROM files WHERE hash = ?", row["hash"])
    for row in unwanted:  # after the commit: a file without a row is swept at the next start, never the reverse
        state.files.delete(row["hash"])


def sweep(state: NodeState) -> None:
    """Delete files that a killed process kept but never wrote down."""
    for name in list(state.files.names()):
        if state.pins.size(name) is None:
            state.files.delete(name)


def _remove_unpaid(state: NodeState, now: int) -> None:
    for row in state.database.all("SELECT * FROM messages WHERE status = 'removing'"):
        until = state.database.value("SELECT value FROM facts WHERE name = ?", f"removing:{row['item_hash']}")
        if until is None or int(until) < now:
            state.end_message(row, "removed", ended_at=now)
