"""Reading what an image's entries will hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hatch_aleph.squashfs import Entry


def content_of(entry: Entry) -> bytes:
    """Return the bytes of a file's entry, wherever they are; none for what is no file."""
    if isinstance(entry.source, bytes):
        return entry.source
    return entry.source.read_bytes() if entry.source else b""
