"""Draw docs/pictures/architecture.svg from the import contract of pyproject.toml: `python tools/diagram.py`.

Rooms stand as high as their layer, in five bands; beside them is the way of a project to a running program. The card
has a ground of its own, so it reads on light and dark pages alike, and needs nothing from the network.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "architecture.svg"
# Each band begins with the layer that has this room, and has a colour: fill, line.
BANDS = {
    "cli": ("What people and Hatch call", "#e8eefc", "#3b5bdb"),
    "local": ("A network on this machine", "#e6f7f1", "#0b7a5c"),
    "programs": ("What is published, and its life", "#fdf0e4", "#b35309"),
    "build": ("From a project to an artifact", "#f3ecfb", "#7048b6"),
    "itemhash": ("The ground", "#eef0f2", "#495057"),
}
WAY = (
    ("pyproject.toml and source", "project, settings"),
    ("images of code and packages", "build, squashfs"),
    ("artifact: images, manifest", "artifact"),
    ("plan with its cost, journal", "deploy"),
    ("messages, files, signatures", "network"),
    ("a VM that answers", "guest, inside the code image"),
)
_WIDTH, _ROW, _LEFT, _SIDE, _SIDE_WIDTH, _CAPTION = 960, 34, 24, 660, 276, 26
_FONT = "font-family='system-ui, -apple-system, Segoe UI, sans-serif'"


def layers() -> list[list[str]]:
    """Return the rooms of each layer, from the top."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    named = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[room.strip() for room in layer.split(":")] for layer in named if layer != "__main__"]


def draw() -> str:
    """Return the picture."""
    parts: list[str] = []
    top, line = 56, "#495057"
    rows = layers()
    starts = [at for at, rooms in enumerate(rows) if BANDS.keys() & {*rooms}]
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        (key,) = BANDS.keys() & {*rows[start]}
        caption, fill, line = BANDS[key]
        height = _CAPTION + (end - start) * _ROW + 8
        parts.append(
            f"<rect x='{_LEFT}' y='{top}' width='{_SIDE - 2 * _LEFT}' height='{height}' rx='8' fill='{fill}'/>"
            + _text(_LEFT + 12, top + 18, caption, line, "13", weight="600")
        )
        for number, rooms in enumerate(rows[start:end]):
            parts.append(_rooms(rooms, top + _CAPTION + number * _ROW, line))
        top += height + 10
    bottom = top
    parts += [
        _text(_LEFT, 34, "Rooms: each imports only rooms below it", "#212529", "15", weight="600"),
        _text(_SIDE, 34, "The way of a project", "#212529", "15", weight="600"),
        *_way(bottom),
    ]
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {bottom + 14}' role='img' {_FONT} "
        f"aria-label='The rooms of hatch-aleph in layers, and the way of a project to a running program'>"
        "<defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' orient='auto'>"
        "<path d='M0 0 8 4 0 8z' fill='#495057'/></marker></defs>"
        f"<rect width='{_WIDTH}' height='{bottom + 14}' rx='10' fill='#ffffff' stroke='#ced4da'/>"
    )
    return "\n".join((head, *parts, "</svg>")) + "\n"


def _rooms(rooms: list[str], top: int, line: str) -> str:
    width = (_SIDE - 2 * _LEFT - 24 - 8 * (len(rooms) - 1)) // len(rooms)
    return "".join(
        f"<rect x='{_LEFT + 12 + at * (width + 8)}' y='{top}' width='{width}' height='{_ROW - 6}' rx='5' "
        f"fill='#ffffff' stroke='{line}'/>"
        + _text(_LEFT + 12 + at * (width + 8) + width // 2, top + 19, room, "#212529", "14", anchor="middle")
        for at, room in enumerate(rooms)
    )


def _way(bottom: int) -> list[str]:
    step = (bottom - 66) / len(WAY)
    parts = []
    for number, (what, who) in enumerate(WAY):
        top = round(56 + number * step)
        middle = _SIDE + _SIDE_WIDTH // 2
        parts.append(
            f"<rect x='{_SIDE}' y='{top}' width='{_SIDE_WIDTH}' height='58' rx='8' fill='#f8f9fa' stroke='#495057'/>"
            + _text(middle, top + 25, what, "#212529", "15", weight="600", anchor="middle")
            + _text(middle, top + 45, who, "#495057", "13", anchor="middle")
        )
        if number:
            start, end = round(56 + (number - 1) * step + 60), top - 3
            parts.append(
                f"<line x1='{middle}' y1='{start}' x2='{middle}' y2='{end}' stroke='#495057' stroke-width='1.5' "
                "marker-end='url(#tip)'/>"
            )
    return parts


def _text(x: int, y: int, text: str, fill: str, size: str, *, weight: str = "400", anchor: str = "start") -> str:
    return (
        f"<text x='{x}' y='{y}' font-size='{size}' font-weight='{weight}' fill='{fill}' text-anchor='{anchor}'>"
        f"{escape(text)}</text>"
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(), "utf-8")
