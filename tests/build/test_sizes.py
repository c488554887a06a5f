"""What weighs what: the sums are those of the image, and the picture shows them."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build.image_contents import contents_of
from hatch_aleph.build.sizes import kind_of, measure
from hatch_aleph.report.document import Report, render
from hatch_aleph.report.treemap import Box, boxes, squarify

if TYPE_CHECKING:
    from pathlib import Path

    from tests.build.conftest import Index, Workshop


@pytest.fixture
def image(index: Index, workshop: Workshop) -> Path:
    noise = random.Random(1).randbytes(3_000_000)  # noqa: S311 - the same each time, and more than our own part
    index.add(
        "alpha",
        files={
            "alpha/__init__.py": "x = 1\n",
            "alpha/big.bin": noise,
            "alpha/tests/test_a.py": "y = 2\n" * 50,
            "alpha/py.typed": "",
            "alpha/_vendor/gamma-2.0.dist-info/RECORD": "gamma.py,,\n",  # as setuptools has them: no distribution
        },
    )
    index.add("beta", files={"beta.py": "z = 3\n"})
    root = workshop.project('"alpha", "beta"')
    result = workshop.build(root)
    assert result.image is not None
    return root / "dist" / result.image.file


def test_sizes(image: Path) -> None:
    sizes = measure(image)
    owners = sizes.by_owner()
    assert next(iter(owners)) == "alpha"
    assert set(owners) == {"alpha", "beta", ".aleph"}
    assert sizes.owners == {"alpha": "1.0", "beta": "1.0"}
    told = contents_of(image, "packages", hashlib.sha256(image.read_bytes()).hexdigest())
    assert told is not None
    assert set(told.distributions) == {"alpha", "beta"}
    assert owners["alpha"].bytecode > 0
    assert 3_000_000 < owners["alpha"].compressed < 3_005_000
    stored = sum(file.compressed for file in sizes.files)
    assert 0.9 * sizes.image < stored < sizes.image == image.stat().st_size
    assert [file.owner for file in sizes.files if file.path == ".aleph/modules/beta"] == ["beta"]
    assert sizes.savings()["tests"] > 0
    assert sizes.by_folder(1)["alpha"].installed == owners["alpha"].installed - sum(
        file.installed for file in sizes.files if file.path.startswith(("alpha-1.0.dist-info/", ".aleph/modules/alpha"))
    )


def test_kinds() -> None:
    assert [
        kind_of(path)
        for path in (
            "a/b.so",
            "a/libx.so.1.2",
            "a/b.py",
            "a/__pycache__/b.pyc",
            "a/tests/b.so",
            "a/b.pyi",
            "a-1.dist-info/x",
        )
    ] == ["extensions", "extensions", "sources", "bytecode", "tests", "typing", "metadata"]


def test_boxes_fill_their_area_in_proportion() -> None:
    weights = [6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0]
    areas = squarify(weights, Box(0, 0, 6, 4))
    assert [round(box.width * box.height, 9) for box in areas] == weights
    assert all(box.x >= 0 and box.x + box.width <= 6.000001 and box.y + box.height <= 4.000001 for box in areas)
    assert max(max(box.width / box.height, box.height / box.width) for box in areas) < 3
    assert squarify([], Box(0, 0, 1, 1)) == []


def test_the_picture_needs_nothing_else(image: Path) -> None:
    page = render(Report("sizes", (), images=[("<image>", measure(image)), ("other", measure(image))]))
    found: list[tuple[str, dict[str, str | None]]] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    Parser().feed(page)
    assert "&lt;image&gt;" in page
    assert "alpha" in page
    assert page.count("<html") == 1
    assert boxes(measure(image)).count("<rect") > 5
    assert not [tag for tag, attributes in found if tag in {"script", "link", "img"} or "src" in attributes]


def test_inspect(image: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatch_aleph", "inspect", str(image)]
    told = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True, env=os.environ)
    (found,) = json.loads(told.stdout)["images"]
    assert found["distributions"]["alpha"]["files"] > 4
    assert found["size"] == image.stat().st_size
    shown = subprocess.run([*command, "--html", str(tmp_path / "s.html")], check=True, capture_output=True, text=True)
    assert "By distribution" in shown.stdout
    assert (tmp_path / "s.html").read_text().startswith("<!doctype html>")
    image.write_bytes(b"hsqs" + bytes(5000))
    broken = subprocess.run(command, check=False, capture_output=True, text=True)
    assert broken.returncode == 6
    assert "Traceback" not in broken.stderr
