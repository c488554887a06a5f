"""The node's SQLite file: tables, transactions, queries, nothing of the network's rules."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from importlib import resources
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Database:
    """One connection, used by one thread; write-ahead log, each commit on disk before it is acknowledged.

    A process that is killed at any moment finds what it committed, and nothing of what it did not.

    Raises:
        NetworkError: Another process has the file open.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=1.0)
        self._connection.row_factory = sqlite3.Row
        try:
            # One process a folder: another would sweep away the uploads of this one. The lock ends with the process.
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(resources.files(__package__).joinpath("schema.sql").read_text("utf-8"))
            self._add_columns("credit_history", "provider TEXT", "expiration INTEGER")
            self._connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES ('schema', '2')")
        except sqlite3.OperationalError as error:
            self._connection.close()
            if "locked" not in str(error):
                raise
            hint = "Stop it, or give this one another folder."
            raise NetworkError("Another node uses this folder.", where=str(path.parent), hint=hint) from error

    def _add_columns(self, table: str, *columns: str) -> None:
        """Bring the table of an older version up to date; names are our own literals."""
        there = {row["name"] for row in self._connection.execute(f"PRAGMA table_info({table})")}
        for column in columns:
            if column.split()[0] not in there:
                self._connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")

    def close(self) -> None:
        """Close the file; the log is folded into it."""
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that happens inside is written at once, or not at all; nests as a savepoint."""
        if self._connection.in_transaction:
            begin, commit, rollback = "SAVEPOINT inner", "RELEASE inner", "ROLLBACK TO inner"
        else:
            begin, commit, rollback = "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"
        self._connection.execute(begin)
        try:
            yield
        except BaseException:
            self._connection.execute(rollback)
            if begin.startswith("SAVEPOINT"):
                self._connection.execute(commit)
            raise
        self._connection.execute(commit)

    def run(self, statement: str, *values: Any) -> int:
        """Execute a statement; return the number of changed rows."""
        return self._connection.execute(statement, values).rowcount

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return every row of a query."""
        return self._connection.execute(statement, values).fetchall()

    def one(self, statement: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row of a query, if any."""
        row: sqlite3.Row | None = self._connection.execute(statement, values).fetchone()
        return row

    def value(self, statement: str, *values: Any) -> Any:
        """Return the first column of the first row, or None."""
        row = self.one(statement, *values)
        return None if row is None else row[0]

    def insert(self, table: str, /, **columns: Any) -> None:
        """Insert one row; table and column names come from our own code only."""
        self.put(table, "", **columns)

    def put(self, table: str, key: str, /, *, kept: Sequence[str] = (), **columns: Any) -> None:
        """Insert one row, or where there is one of its key, change all of that but the columns that are ``kept``."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names are our own literals
        if key:
            changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in kept)
            statement += f" ON CONFLICT ({key}) DO UPDATE SET {changes}"
        self._connection.execute(statement, tuple(columns.values()))


class Query:
    """Rows of a table by a growing WHERE clause; what stands for the table is our own."""

    def __init__(self, database: Database, table: str) -> None:
        self._db = database
        self._table = table
        self._parts: list[str] = []
        self._values: list[Any] = []

    def add(self, part: str, *values: Any) -> None:
        """Demand one thing more."""
        self._parts.append(part)
        self._values += values

    def add_in(self, column: str, accepted: list[Any] | None) -> None:
        """Demand that a column has one of these values; no list demands nothing."""
        if accepted:
            part = f"{column} IN (SELECT value FROM json_each(?))"  # noqa: S608 - columns are our own literals
            self.add(part, json.dumps(accepted))

    def rows(self, order: str, limit: int = 0, offset: int = 0) -> list[sqlite3.Row]:
        """Fetch a page; a limit of 0 fetches all."""
        statement = f"SELECT * FROM {self._from} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608 - our names
        return self._db.all(statement, [*self._values, limit or -1, offset])

    def after(self, columns: Sequence[str], values: Sequence[Any], *, descending: bool) -> None:
        """Demand what comes after a place in the order of the first column, then of the others, ascending."""
        first, *rest = columns
        sign = "<" if descending else ">"
        later = f"{first} {sign} ?"
        if not rest:
            self.add(later, *values)
            return
        names, marks = ", ".join(rest), ", ".join("?" * len(rest))
        self.add(f"({later} OR ({first} = ? AND ({names}) > ({marks})))", values[0], *values)

    def count(self) -> int:
        """Count all that match."""
        return int(self._db.value(f"SELECT count(*) FROM {self._from}", *self._values))  # noqa: S608 - our names

    @property
    def _from(self) -> str:
        return f"{self._table} WHERE {' AND '.join(self._parts)}" if self._parts else self._table
