"""The structure: what its page says of the import contract, and what no import contract can say."""

import ast
import re
import sys
from collections import Counter
from pathlib import Path

from tools import diagram

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "hatch_aleph"


def test_the_page_lists_every_room_from_the_ground_up():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    heights = {room.strip(): height for height, layer in enumerate(reversed(layers)) for room in layer.split(":")}
    listed = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "architecture.md").read_text("utf-8"), re.MULTILINE)
    assert set(listed) == set(heights) - {"__main__"}
    assert [heights[room] for room in listed] == sorted(heights[room] for room in listed)


def test_the_picture_is_drawn_from_the_contract():
    drawn = diagram.draw()
    assert drawn == diagram.PICTURE.read_text("utf-8"), "python tools/diagram.py"
    rooms = [room for layer in diagram.layers() for room in layer]
    assert [room for room in rooms if f">{room}</text>" not in drawn] == []
    assert {*re.findall(r"[a-z]+", " ".join(who.partition(", inside")[0] for _, who in diagram.WAY))} <= {*rooms}
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")  # nothing is fetched to show it


def test_deployments_and_programs_are_told_in_thirty_modules():
    modules = [*(PACKAGE / "deploy").rglob("*.py"), *(PACKAGE / "programs").rglob("*.py")]
    assert len([file for file in modules if file.name != "__init__.py"]) <= 30


def test_few_modules_share_a_name():
    names = Counter(file.name for file in PACKAGE.rglob("*.py") if not file.name.startswith("__"))
    twice = sorted(name for name, count in names.items() if count > 1)
    assert len(twice) <= 10, twice


def test_the_local_network_is_entered_by_its_doors():
    doors = {f"hatch_aleph.local.{name}" for name in ("host", "node", "serve")}
    past = [
        f"{file.relative_to(PACKAGE)}: {node.module}"
        for file in PACKAGE.rglob("*.py")
        if not file.is_relative_to(PACKAGE / "local")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hatch_aleph.local.")
        if node.module not in doors
    ]
    assert not past, past


def test_the_generator_of_the_process_is_left_to_who_seeded_it():
    """A draw from it in a background thread changes the numbers of whoever embeds this package, and of its tests."""
    drawn = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random"
        if node.attr not in {"Random", "SystemRandom"}
    ]
    assert not drawn, drawn
