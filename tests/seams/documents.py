"""The examples in the documentation: fenced blocks, with where they stand."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(file for file in (ROOT / "docs").rglob("*.md") if "_build" not in file.parts),
    *sorted((ROOT / "examples").glob("*.md")),
    *sorted((ROOT / "sample_project").glob("*.md")),
]
_FENCE = re.compile(r"^( *)```(?:\{code-block\} )?(\w+)\n(?: *:[\w-]+:[^\n]*\n)*(.*?)^\1```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """One fenced block."""

    language: str
    text: str
    place: str


def examples(*languages: str) -> list[Example]:
    """Return every block of some languages, in the order of the pages."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for match in _FENCE.finditer(text):
            if match[2] in languages:
                line = text[: match.start()].count("\n") + 1
                found.append(Example(match[2], textwrap.dedent(match[3]), f"{page.relative_to(ROOT)}:{line}"))
    return found


def place_of(example: Example) -> str:
    """Name a test case."""
    return example.place
