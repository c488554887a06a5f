"""Tables as people read them: what others wrote stands there as it is, numbers line up, hashes can be copied."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import sys
from typing import TYPE_CHECKING

import click

from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TextIO

_NUMBER = re.compile(r"[-+]?[$€]?\d[\d,. ]*(?:\s?(?:%|[KMGT]?i?B|ms|s|min|d|h))?(?: a \w+)?|-|")
_LINK = re.compile(r"https?://\S+")
# What folding keeps whole: a command in backquotes is copied as one.
_WORD = re.compile(r"\s*(?:`[^`\n]*`|\S)+")
_GAP = 2
_NARROWEST = 8  # of a column of text


def colours() -> bool | None:
    """Return False where colours are unwanted (https://no-color.org) or not understood, None where it depends."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def terminal_width() -> int:
    """Return how many columns the terminal has, also where results go to a pipe; 80 where it does not tell."""
    import shutil  # with all its archives: most commands print no table

    columns = shutil.get_terminal_size((0, 0)).columns
    if not columns and sys.__stderr__ is not None:
        with contextlib.suppress(OSError, ValueError):  # no terminal either
            columns = os.get_terminal_size(sys.__stderr__.fileno()).columns
    return columns or 80


def folded(text: str, width: int) -> str:
    """Return a text for people with its lines folded between words; commands, hashes and addresses stay whole."""
    return "\n".join(_folded_line(line, width) for line in text.split("\n"))


def _folded_line(line: str, width: int) -> str:
    plain = click.unstyle(line)
    if _width(plain) <= width:
        return line
    indent = " " * (len(plain) - len(plain.lstrip()))
    rows = [""]
    for word in _WORD.findall(line):
        if rows[-1].strip() and _width(click.unstyle(rows[-1] + word)) > width:
            rows.append(indent + word.lstrip())
        else:
            rows[-1] += word
    return "\n".join(rows)


def show_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    stream: TextIO | None = None,
    width: int | None = None,
) -> None:
    """Print a table; where the terminal is too narrow for its hashes, one entry below the other.

    Args:
        title: Stands on lines of its own before it; may be empty.
        columns: Headings.
        rows: Cells, each shown as it is: no markup, no terminal sequences.
        stream: Where to; stdout by default.
        width: Of the terminal; asked for by default. Elsewhere than on a terminal nothing is folded.
    """
    stream = stream or sys.stdout
    columns = [printable(column) for column in columns]
    cells = [[printable(cell, keep="\n") for cell in row] for row in rows]
    if width is None and stream.isatty():
        width = terminal_width()
    if title:
        title = printable(title, keep="\n")
        _write(stream, title if width is None else folded(title, width))
    longest = [max(map(_width, column)) for column in zip(columns, *cells, strict=True)]
    if width is None or sum(longest) + _GAP * (len(columns) - 1) <= width:
        _show_lines(stream, columns, cells, longest)
        return
    sizes = [(_least(size, column), size) for size, *column in zip(longest, columns, *cells, strict=True)]
    room = width - _GAP * (len(columns) - 1)
    if sum(least for least, _ in sizes) > room:
        _show_entries(stream, columns, cells)
        return
    widths = _widths(sizes, room)
    head, *rows = ([folded(cell, wide) for cell, wide in zip(row, widths, strict=True)] for row in [columns, *cells])
    _show_lines(stream, head, rows, widths)


def _is_plain(stream: TextIO) -> bool:
    return colours() is False or not stream.isatty()


def _write(stream: TextIO, text: str = "") -> None:
    click.echo(text, file=stream, color=not _is_plain(stream))


def _show_lines(stream: TextIO, columns: Sequence[str], cells: Sequence[Sequence[str]], longest: Sequence[int]) -> None:
    """Print rows for which there is room; a cell may have lines.

    rich's tables would do it too: importing them takes a quarter of a small command, and they cut words off where
    columns are as narrow as they may be.
    """
    plain = _is_plain(stream)
    right = [_is_right(column) for column in zip(*cells, strict=True)] or [False] * len(columns)

    def line(row: Sequence[str], style: Callable[[str], str]) -> str:
        parts = []
        for cell, size, at_right in zip(row, longest, right, strict=True):
            space = " " * (size - _width(cell))
            parts.append(f"{space}{style(cell)}" if at_right else f"{style(cell)}{space}")
        return (" " * _GAP).join(parts).rstrip()

    for number, row in enumerate([columns, *cells]):
        style = _same if plain else _linked if number else _bold
        for part in itertools.zip_longest(*(cell.split("\n") for cell in row), fillvalue=""):
            _write(stream, line(part, style))


def _same(cell: str) -> str:
    return cell


def _bold(cell: str) -> str:
    return click.style(cell, bold=True)


def _linked(cell: str) -> str:
    return f"\x1b]8;;{cell}\x1b\\{cell}\x1b]8;;\x1b\\" if _LINK.fullmatch(cell) else cell


def _is_right(column: Sequence[str]) -> bool:
    """Tell whether a column holds numbers, which line up at the right."""
    return any(column) and all(_NUMBER.fullmatch(cell) for cell in column)


def _widths(sizes: Sequence[tuple[int, int]], room: int) -> list[int]:
    """Share columns of the terminal out: each gets its least, and of what is left those that need least get all."""
    widths = [least for least, _ in sizes]
    room -= sum(widths)
    for place in sorted(range(len(sizes)), key=lambda place: sizes[place][1] - sizes[place][0]):
        least, longest = sizes[place]
        more = min(longest - least, room)
        widths[place] += more
        room -= more
    return widths


def _show_entries(stream: TextIO, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    names = max(map(_width, columns))
    for number, row in enumerate(cells):
        if number:
            _write(stream)
        for name, cell in zip(columns, row, strict=True):
            for line in cell.split("\n"):
                _write(stream, f"{name:{names}}  {line}".rstrip())
                name = ""  # noqa: PLW2901 - the heading stands beside the first line only


def _least(longest: int, column: Sequence[str]) -> int:
    """Return how narrow a column may be: as wide as its longest hash, number or word."""
    if all(_NUMBER.fullmatch(cell) for cell in column[1:]):  # the heading comes first
        return longest
    whole = [_width(word.strip()) for cell in column for word in _WORD.findall(cell)]
    return max([*whole, min(longest, _NARROWEST)])


def _width(cell: str) -> int:
    if cell.isascii():
        return max(map(len, cell.split("\n")))
    return max(sum(map(columns_of, line)) for line in cell.split("\n"))


def columns_of(character: str) -> int:
    """Return how many columns of a terminal a character takes: wide ones two, combining and formatting ones none."""
    import unicodedata

    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
