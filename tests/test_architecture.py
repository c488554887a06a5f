"""The page about the structure says what the import contract says."""

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]


def test_the_page_lists_every_room_from_the_ground_up():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    heights = {room.strip(): height for height, layer in enumerate(reversed(layers)) for room in layer.split(":")}
    listed = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "architecture.md").read_text("utf-8"), re.MULTILINE)
    assert set(listed) == set(heights) - {"__main__"}
    assert [heights[room] for room in listed] == sorted(heights[room] for room in listed)
