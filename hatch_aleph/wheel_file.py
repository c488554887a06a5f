"""A wheel that others made: its METADATA, RECORD and paths, read within bounds; what is odd is told by one message."""

from __future__ import annotations

import csv
import re
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING
from zipfile import BadZipFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from email.message import Message

    from hatch_aleph.errors import HatchAlephError

OWN_FOLDER = ".aleph"  # what an image says of itself; no wheel may bring it
_LONGEST_HEAD = 1 << 20  # bytes; the parser takes 35 times as much memory
MOST_READ = _LONGEST_HEAD + 1  # as much tells the headers, or that they are too long
_DEEPEST = 100  # folders in folders: what removes them goes down by itself
_LONGEST_NAME = 255  # bytes, of Linux
_DRIVE = re.compile("[A-Za-z]:.*")
_BLANK_LINE = re.compile(rb"\n\r?\n|\r\r")


class InvalidWheelError(ValueError):
    """A wheel is not what the format says; carries what, without the wheel's name."""


# What the standard library raises for archives that are damaged, encrypted or compressed in ways that it does not know.
_FAULTS = (InvalidWheelError, BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


@contextmanager
def readable(wheel: str, error: type[HatchAlephError], hint: str) -> Iterator[None]:
    """Name the wheel in whatever its form fails with.

    Args:
        wheel: Its name.
        error: The class of what is raised.
        hint: What to do.

    Raises:
        HatchAlephError: Of the class given.
    """
    try:
        yield
    except _FAULTS as fault:
        said = str(fault).rstrip(".") or type(fault).__name__
        raise error(f"The wheel cannot be read: {said}.", where=wheel, hint=hint) from fault


def headers(metadata: bytes) -> Message:
    """Return the headers of a METADATA; the description behind them may have any size.

    Raises:
        InvalidWheelError: They are larger than any wheel's.
    """
    import email.parser

    end = _BLANK_LINE.search(metadata, 0, _LONGEST_HEAD)
    if end is None and len(metadata) > _LONGEST_HEAD:
        raise InvalidWheelError(f"the headers of its METADATA have more than {_LONGEST_HEAD >> 20} MiB")
    return email.parser.BytesParser().parsebytes(metadata[: end.start() + 1] if end else metadata, headersonly=True)


def record_rows(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield the rows of a RECORD, those without a path left out.

    Raises:
        InvalidWheelError: It is no table.
    """
    try:
        yield from (row for row in csv.reader(lines) if row)
    except csv.Error as error:
        raise InvalidWheelError(f"its RECORD is no table: {error}") from error


def member_path(path: str) -> str:
    """Return a path of a wheel as what it must be: one below its folder, and not what an image says of itself.

    Raises:
        InvalidWheelError: It is none that an image could hold.
    """
    parts = path.replace("\\", "/").rstrip("/").split("/")
    kept = [part for part in parts if part != "."]
    if (
        not kept
        or {"", ".."}.intersection(kept)
        or len(kept) > _DEEPEST
        or max(len(part.encode("utf-8", "surrogateescape")) for part in kept) > _LONGEST_NAME
        or _DRIVE.fullmatch(kept[0])
        or kept[0] == OWN_FOLDER
    ):
        shown = repr(path) if len(path) <= _LONGEST_NAME else f"{path[:_LONGEST_NAME]!r}…"
        raise InvalidWheelError(f"it brings a file that no image may hold: {shown}")
    return "/".join(kept)


def is_bytecode(path: str) -> bool:
    """Tell bytecode of others: the guest reads nothing but opt-2, and that is ours."""
    return path.endswith((".pyc", ".pyo")) and "__pycache__" in path.split("/")
