"""Lists by pages or by a cursor: what can be asked, and the shape of the answer.

Sources: ``web/controllers/utils.py`` and ``toolkit/cursor.py`` in aleph-im/pyaleph.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LARGEST_CURSOR_PAGE = 200


class InvalidQueryError(Exception):
    """A query asks for what makes no sense: HTTP 422."""


class Pages(BaseModel):
    """Which part of a list is asked for; a cursor, even an empty one, instead of pages."""

    pagination: int = Field(default=100, ge=0, lt=2**31)
    page: int = Field(default=1, ge=1, lt=2**31)
    cursor: str | None = None

    @property
    def offset(self) -> int:
        """How many entries come before the page."""
        return (self.page - 1) * self.pagination

    @property
    def cursor_size(self) -> int:
        """How many entries a page by cursor has.

        Raises:
            InvalidQueryError: None were asked for.
        """
        if self.pagination == 0:
            raise InvalidQueryError("pagination=0 is not allowed with cursor-based pagination")
        return min(self.pagination, LARGEST_CURSOR_PAGE)

    def read_cursor(self, **kinds: Callable[[Any], Any]) -> list[Any] | None:
        """Return what the cursor holds, by name and what reads it; None when it is that of the first page.

        Raises:
            InvalidQueryError: It is none of this node's.
        """
        if not self.cursor:
            return None
        try:
            payload = json.loads(base64.urlsafe_b64decode(self.cursor + "=" * (-len(self.cursor) % 4)))
            return [read(payload[name]) for name, read in kinds.items()]
        except KeyError as error:
            raise InvalidQueryError("Invalid cursor: missing required fields") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidQueryError("Invalid cursor") from error

    def by_page(self, name: str, entries: Sequence[Any], total: int, *, item: bool = True) -> dict[str, Any]:
        """Return a page of a list and its place in it."""
        place = {"pagination_page": self.page, "pagination_total": total, "pagination_per_page": self.pagination}
        return {name: entries, **place, **({"pagination_item": name} if item else {})}

    def by_cursor(
        self, name: str, rows: Sequence[Any], shown: Callable[[Any], Any], cursor_of: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return a page of a list and the cursor of the next.

        Args:
            name: Of the list.
            rows: One more than the page holds, if there is one.
            shown: Makes an entry of a row.
            cursor_of: Tells where a row stands.
        """
        size = self.cursor_size
        next_cursor = _write(cursor_of(rows[size - 1])) if len(rows) > size else None
        return {name: [shown(row) for row in rows[:size]], "pagination_per_page": size, "next_cursor": next_cursor}


def _write(place: dict[str, Any]) -> str:
    payload = json.dumps(place, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(payload.encode()).decode().rstrip("=")
