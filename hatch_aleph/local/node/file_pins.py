"""Which file stands behind which message: pins, tags and sizes (pyaleph's ``src/aleph/db/accessors/files.py``).

A processed STORE *pins* its file. Its *tag* (the item hash of the original, or ``owner/name``) leads to the newest
file by the content's own time, whatever the order of arrival.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aleph_message.models import ItemHash

from hatch_aleph.local.node.limits import GRACE_SECONDS

if TYPE_CHECKING:
    import sqlite3

    from hatch_aleph.local.node.database import Database
    from hatch_aleph.local.node.machine_files import FileRef

_NEWEST = """
INSERT INTO file_tags (tag, owner, file_hash, last_updated)
SELECT ?, owner, file_hash, created FROM pins
WHERE kind = 'message' AND coalesce(ref, item_hash) = ? AND owner = coalesce(?, owner)
ORDER BY created DESC, id DESC LIMIT 1
"""


def is_item_hash(text: str) -> bool:
    """Say whether ``text`` is an item hash rather than a name of the user's choice."""
    try:
        ItemHash(text)
    except ValueError:
        return False
    return True


def file_tag(owner: str, ref: str | None, item_hash: str) -> str:
    """Build the tag of a STORE's file."""
    if ref is None:
        return item_hash
    return ref if is_item_hash(ref) else f"{owner}/{ref}"


class FilePins:
    """The files the node knows and who wants them kept."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add_file(self, file_hash: str, size: int, now: int, *, present: bool = True) -> None:
        """Know a file; ``present`` says whether its bytes are here (a runtime's may not be)."""
        self._db.put("files", "hash", hash=file_hash, size=size, present=present, added=now)

    def size(self, file_hash: str) -> int | None:
        """Tell a file's size in bytes; None when it is unknown."""
        size: int | None = self._db.value("SELECT size FROM files WHERE hash = ?", file_hash)
        return size

    def is_here(self, file_hash: str) -> bool:
        """Say whether the node has the file's bytes."""
        return bool(self._db.value("SELECT present FROM files WHERE hash = ?", file_hash))

    def pin_message(self, item_hash: str, file_hash: str, owner: str, ref: str | None, created: int) -> None:
        """Keep the file of a processed STORE, and move its tag if this is the newest."""
        self._db.insert(
            "pins", kind="message", item_hash=item_hash, file_hash=file_hash, owner=owner, ref=ref, created=created
        )
        self._db.run(
            "INSERT INTO file_tags (tag, owner, file_hash, last_updated) VALUES (?, ?, ?, ?) ON CONFLICT (tag)"
            " DO UPDATE SET file_hash = excluded.file_hash, last_updated = excluded.last_updated"
            " WHERE last_updated < excluded.last_updated",
            file_tag(owner, ref, item_hash),
            owner,
            file_hash,
            created,
        )

    def pin_grace(self, file_hash: str, now: int) -> None:
        """Keep a file that no message wants for a day."""
        self._db.insert("pins", kind="grace", file_hash=file_hash, created=now, delete_by=now + GRACE_SECONDS * 10**6)

    def pin_content(self, item_hash: str, owner: str, created: int) -> None:
        """Keep the file that is a message's own content."""
        self._db.insert("pins", kind="content", file_hash=item_hash, item_hash=item_hash, owner=owner, created=created)

    def message_pin(self, item_hash: str) -> sqlite3.Row | None:
        """Find the pin of a live STORE."""
        return self._db.one("SELECT * FROM pins WHERE item_hash = ? AND kind = 'message'", item_hash)

    def tag(self, tag: str) -> sqlite3.Row | None:
        """Find what a tag leads to."""
        return self._db.one("SELECT * FROM file_tags WHERE tag = ?", tag)

    def file_of(self, needed: FileRef) -> tuple[str, int] | None:
        """Find hash and size of the file a machine means; None when its STORE is unknown."""
        found = self.tag(needed.ref) if needed.use_latest else self.message_pin(needed.ref)
        if found is None:
            return None
        return found["file_hash"], self.size(found["file_hash"]) or 0

    def unpin(self, pin: sqlite3.Row, now: int) -> None:
        """Take a forgotten STORE's pin away: its tag falls back to the newest that is left."""
        self._db.run("DELETE FROM pins WHERE id = ?", pin["id"])
        self._refresh(pin)
        if self._db.value("SELECT count(*) FROM pins WHERE file_hash = ?", pin["file_hash"]) == 0:
            self.pin_grace(pin["file_hash"], now)

    def suspend(self, item_hash: str, delete_by: int) -> None:
        """Turn an unpaid STORE's pin into one that ends at ``delete_by``."""
        pin = self.message_pin(item_hash)
        if pin is not None:
            self._db.run("UPDATE pins SET kind = 'grace', delete_by = ? WHERE id = ?", delete_by, pin["id"])
            self._refresh(pin)

    def resume(self, item_hash: str) -> None:
        """Make a suspended pin a lasting one again."""
        pin = self._db.one("SELECT * FROM pins WHERE item_hash = ? AND kind = 'grace'", item_hash)
        if pin is not None:
            self._db.run("UPDATE pins SET kind = 'message', delete_by = NULL WHERE id = ?", pin["id"])
            self._refresh(pin)

    def _refresh(self, pin: sqlite3.Row) -> None:
        tag = file_tag(pin["owner"], pin["ref"], pin["item_hash"])
        named = pin["ref"] is not None and not is_item_hash(pin["ref"])
        self._db.run("DELETE FROM file_tags WHERE tag = ?", tag)
        self._db.run(_NEWEST, tag, pin["ref"] or pin["item_hash"], pin["owner"] if named else None)
