"""An image's sizes as a treemap: boxes as large as what they stand for."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, NamedTuple

from hatch_aleph.observer import size_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hatch_aleph.build.sizes import Sizes

_WIDTH, _HEIGHT = 1200.0, 500.0
_MIN_LABEL = 60.0  # no narrower box gets a name
_CHARACTER = 7.0
KEYS = {
    "extensions": "#5b7db1", "bytecode": "#c98f4e", "sources": "#6fa37a", "tests": "#b35f5f", "typing": "#9a7bb0",
    "metadata": "#8a8a8a", "data": "#b9a64f",
}  # fmt: skip


class Box(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


def boxes(sizes: Sizes) -> str:
    """Return the picture of an image's sizes, by distribution and kind, as SVG."""
    return (
        f'<div class="scroll"><svg class="wide" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" '
        f'aria-label="What weighs what">'
        f"{''.join(_shapes(sizes))}</svg></div>"
    )


def squarify(weights: Sequence[float], box: Box) -> list[Box]:
    """Divide a box into areas in proportion to weights, near to squares (Bruls, Huizing, van Wijk 2000).

    Args:
        weights: Positive, the largest first.
        box: What is divided.
    """
    boxes: list[Box] = []
    scale = box.width * box.height / sum(weights) if weights else 0.0
    start = 0
    while start < len(weights):
        short = min(box.width, box.height)
        end = start + 1
        while end < len(weights) and _worst(weights[start : end + 1], short, scale) <= _worst(
            weights[start:end], short, scale
        ):
            end += 1
        row = weights[start:end]
        depth = sum(row) * scale / short if short else 0.0
        position = 0.0
        for weight in row:
            length = weight * scale / depth if depth else 0.0
            if box.width >= box.height:
                boxes.append(Box(box.x, box.y + position, depth, length))
            else:
                boxes.append(Box(box.x + position, box.y, length, depth))
            position += length
        box = (
            Box(box.x + depth, box.y, box.width - depth, box.height)
            if box.width >= box.height
            else Box(box.x, box.y + depth, box.width, box.height - depth)
        )
        start = end
    return boxes


def _worst(row: Sequence[float], short: float, scale: float) -> float:
    """Return the worst ratio of sides in a row along the short side."""
    total = sum(row) * scale
    return max(short * short * max(row) * scale / total**2, total**2 / (short * short * min(row) * scale))


def _shapes(sizes: Sizes) -> Iterator[str]:
    owners = [(owner, weight) for owner, weight in sizes.by_owner().items() if weight.compressed > 0]
    for (owner, weight), box in zip(
        owners, squarify([weight.compressed for _, weight in owners], Box(0, 0, _WIDTH, _HEIGHT)), strict=True
    ):
        kinds: dict[str, float] = {}
        for file in sizes.files:
            if file.owner == owner and file.compressed:
                kinds[file.kind] = kinds.get(file.kind, 0.0) + file.compressed
        ranked = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
        for (kind, size), part in zip(ranked, squarify([size for _, size in ranked], box), strict=True):
            label = html.escape(f"{owner}: {kind}, {size_text(size)} of {size_text(weight.compressed)}")
            yield (
                f'<rect x="{part.x:.1f}" y="{part.y:.1f}" width="{part.width:.1f}" height="{part.height:.1f}" '
                f'fill="{KEYS[kind]}" stroke="#fff" stroke-width=".5"><title>{label}</title></rect>'
            )
        yield (
            f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" fill="none" '
            'stroke="#fff" stroke-width="2"/>'
        )
        room = int(box.width / _CHARACTER) - 1
        if box.width > _MIN_LABEL and box.height > 2 * _CHARACTER:
            yield f'<text x="{box.x + 5:.1f}" y="{box.y + 15:.1f}">{html.escape(owner[:room])}</text>'
