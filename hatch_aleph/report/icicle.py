"""A cold start as an icicle: each import below the one that caused it, as wide as it took long."""

from __future__ import annotations

import html
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatch_aleph.local.host import ImportCost

WIDTH = 1200.0
_ROW = 22.0
_SMALLEST = 0.004  # of the whole: what is narrower cannot be seen, and would make the page large
_DEEPEST = 24
_CHARACTER = 7.0


@dataclass
class Node:
    """An import and those that it caused."""

    module: str
    alone: float
    together: float
    children: list[Node] = field(default_factory=list)


def tree(costs: Iterable[ImportCost]) -> list[Node]:
    """Return the imports as trees.

    Args:
        costs: In the order in which they ended, so that each comes after those that it caused.
    """
    waiting: list[tuple[int, Node]] = []
    for cost in costs:
        node = Node(cost.module, cost.self_ms, cost.cumulative_ms)
        while waiting and waiting[-1][0] > cost.depth:
            node.children.insert(0, waiting.pop()[1])
        waiting.append((cost.depth, node))
    return [node for _, node in waiting]


def icicle(costs: Iterable[ImportCost]) -> str:
    """Return the picture as SVG; an empty string when nothing was measured."""
    roots = tree(costs)
    total = sum(node.together for node in roots)
    if total <= 0:
        return ""
    shapes = list(_shapes(roots, 0.0, 0, total))
    depth = max(row for row, _ in shapes) + 1
    return (
        f'<div class="scroll"><svg class="wide" viewBox="0 0 {WIDTH:.0f} {depth * _ROW:.0f}" role="img" '
        f'aria-label="What the start spends its time on">'
        f"{''.join(shape for _, shape in shapes)}</svg></div>"
    )


def _shapes(nodes: Iterable[Node], left: float, row: int, total: float) -> Iterator[tuple[int, str]]:
    for node in sorted(nodes, key=lambda each: -each.together):
        width = node.together / total * WIDTH
        if node.together / total >= _SMALLEST and row < _DEEPEST:
            label = html.escape(f"{node.module}: {node.together:.1f} ms, {node.alone:.1f} ms of it alone")
            room = int(width / _CHARACTER) - 1
            text = html.escape(_fitted(node.module, room))
            caption = f'<text x="{left + 4:.1f}" y="{row * _ROW + 15:.1f}">{text}</text>' if room > 2 else ""  # noqa: PLR2004 - letters
            shape = (
                f'<g><title>{label}</title><rect x="{left:.1f}" y="{row * _ROW:.1f}" width="{width:.1f}" '
                f'height="{_ROW - 1:.0f}" style="--h:{_hue(node.module)}"/>{caption}</g>'
            )
            yield row, shape
            yield from _shapes(node.children, left, row + 1, total)
        left += width


def _fitted(module: str, room: int) -> str:
    """Return a module's name in so many characters: whole, else its last part, else the beginning of that."""
    name = module if len(module) <= room else module.rpartition(".")[2]
    return name if len(name) <= room else f"{name[: room - 1]}…"


def _hue(module: str) -> int:
    """Return a colour of the module's package, the same on each page."""
    return zlib.crc32(module.partition(".")[0].encode("utf-8", "replace")) % 360
