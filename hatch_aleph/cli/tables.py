"""Tables as people read them: what others wrote stands there as it is, numbers line up, hashes can be copied."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Literal, TextIO

    from rich.console import Console
    from rich.text import Text

_NUMBER = re.compile(r"[-+]?[$€]?\d[\d,. ]*(?:\s?(?:%|[kMGT]?i?B|ms|s|d|h))?(?: a \w+)?|-|")
# Hashes, addresses and URLs: nobody can copy what is folded over two lines.
_WHOLE = re.compile(r"\S{24,}")
_GAP = 2
_NARROWEST = 8  # of a column of text


def colours() -> bool | None:
    """Return False where colours are unwanted (https://no-color.org) or not understood, None where it depends."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


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
    from rich.console import Console

    stream = stream or sys.stdout
    columns = [printable(column) for column in columns]
    cells = [[printable(cell, keep="\n") for cell in row] for row in rows]
    on_terminal = stream.isatty() or width is not None
    plain = colours() is False or not stream.isatty()
    console = Console(
        file=stream, width=width, no_color=plain, force_terminal=not plain, markup=False, highlight=False, emoji=False
    )
    if title:
        console.print(printable(title, keep="\n"), soft_wrap=True)
    places = range(len(columns))
    longest = [max(map(_width, [columns[place], *(row[place] for row in cells)])) for place in places]
    least = [_least(longest[place], [row[place] for row in cells]) for place in places]
    if on_terminal and sum(least) + _GAP * (len(columns) - 1) > console.width:
        _show_entries(console, columns, cells)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for place in places:
        numbers = [row[place] for row in cells]
        right = any(numbers) and all(_NUMBER.fullmatch(cell) for cell in numbers)
        side: Literal["left", "right"] = "right" if right else "left"
        table.add_column(
            Text(columns[place], justify=side),
            justify=side,
            no_wrap=least[place] == longest[place] or not on_terminal,
            min_width=least[place],
            overflow="fold",
        )
    for row in cells:
        table.add_row(*(_text(cell, linked=not plain) for cell in row))
    if not on_terminal:
        console.width = sum(longest) + _GAP * len(columns)
    console.print(table)


def _show_entries(console: Console, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    names = max(map(_width, columns))
    for number, row in enumerate(cells):
        if number:
            console.print()
        for name, cell in zip(columns, row, strict=True):
            for line in cell.split("\n"):
                console.print(f"{name:{names}}  {line}".rstrip(), soft_wrap=True)
                name = ""  # noqa: PLW2901 - the heading stands beside the first line only


def _text(cell: str, *, linked: bool) -> Text:
    from rich.style import Style
    from rich.text import Text

    is_link = linked and re.fullmatch(r"https?://\S+", cell)
    return Text(cell, Style(link=cell) if is_link else "")


def _least(longest: int, cells: Sequence[str]) -> int:
    """Return how narrow a column may be: as wide as its longest hash or number, else as some words."""
    if all(_NUMBER.fullmatch(cell) for cell in cells):
        return longest
    whole = [_width(match[0]) for cell in cells for match in _WHOLE.finditer(cell)]
    return max([*whole, min(longest, _NARROWEST)])


def _width(cell: str) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, cell.split("\n")))
