"""Lists by pages or by a cursor: what can be asked, and the shape of the answer.

Sources: ``web/controllers/utils.py`` and ``toolkit/cursor.py`` in aleph-im/pyaleph.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field

from hatch_aleph.local.node.times import from_iso, to_iso

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from hatch_aleph.local.node.database import Query

LARGEST_CURSOR_PAGE = 200
Value = TypeVar("Value")


def _split(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


# A list in a query: its values are separated by commas.
CommaSeparated = Annotated[list[Value], BeforeValidator(_split)]


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
        return (self.page - 1) * min(self.pagination, 2**31)  # SQLite counts to 2**63

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

    def part_of(
        self,
        name: str,
        query: Query,
        *,
        keys: Mapping[str, str],
        shown: Callable[[sqlite3.Row], Any],
        total: int | None = None,
    ) -> dict[str, Any]:
        """Return the part of a list that is asked for, by page or by cursor.

        Args:
            name: Of the list.
            query: Of its rows.
            keys: The columns by which it is sorted, under their names in a cursor, where ``t`` is a time. The first
                falls where the list has a ``sort_order`` that says so; the others rise.
            shown: Makes an entry of a row.
            total: How many there are, when it is not all that the query matches.
        """
        first, *rest = keys.values()
        descending = getattr(self, "sort_order", "1") == "-1"
        order = ", ".join([f"{first} {'DESC' if descending else 'ASC'}", *rest])
        if self.cursor is None:
            rows = query.rows(order, self.pagination, self.offset)
            total = query.count() if total is None else total
            return self.by_page(name, [shown(row) for row in rows], total)
        size = self.cursor_size
        after = self.read_cursor(**{key: from_iso if key == "t" else str for key in keys})
        if after:
            query.after([first, *rest], after, descending=descending)
        rows = query.rows(order, size + 1)
        written = {"t": to_iso}
        return self.by_cursor(
            name, rows, shown, lambda row: {key: written.get(key, str)(row[column]) for key, column in keys.items()}
        )

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
