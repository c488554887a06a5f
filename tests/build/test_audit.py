"""The audit (``nox -s audit``) tells what differs from the wheel, and what uv's cache has otherwise than the wheel."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "benchmarks/audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def folder(where: Path, content: bytes, mode: int = 0o644, *recorded: bytes) -> Path:
    """Make an installed distribution of one module, whose RECORDs may have another content."""
    (where / "mod.py").parent.mkdir(parents=True)
    (where / "mod.py").write_bytes(content)
    (where / "mod.py").chmod(mode)
    for number, each in enumerate(recorded):
        digest = base64.urlsafe_b64encode(hashlib.sha256(each).digest()).decode().rstrip("=")
        info = where / f"d{number}-1.dist-info"
        info.mkdir()
        (info / "RECORD").write_text(f"mod.py,sha256={digest},{len(each)}\nd{number}-1.dist-info/RECORD,,\n")
    return where


@pytest.mark.parametrize(
    ("ours", "theirs", "mode", "recorded", "expected"),
    [
        (b"wheel", b"wheel", 0o644, (b"wheel",), (1, [], [])),
        (b"wheel", b"altered", 0o644, (b"wheel",), (0, [], ["uv's cache"])),
        (b"altered", b"wheel", 0o644, (b"wheel",), (0, ["differs"], [])),
        (b"altered", b"other", 0o644, (b"wheel",), (0, ["differs"], [])),
        (b"one", b"two", 0o644, (b"one", b"two"), (1, [], [])),
        (b"wheel", b"wheel", 0o755, (b"wheel",), (0, ["differs"], [])),
        (b"wheel", b"altered", 0o644, (), (0, ["differs"], [])),
    ],
)
def test_the_record_of_the_wheel_decides(
    audit: Any, tmp_path: Path, ours: bytes, theirs: bytes, mode: int, recorded: tuple[bytes, ...], expected: Any
) -> None:
    image = folder(tmp_path / "image", ours, 0o644, *recorded)
    target = folder(tmp_path / "target", theirs, mode, *recorded)
    tally = audit.Tally()
    audit.compare("mod", image, target, line=b"#!/python\n", tally=tally)
    files, failures, altered = expected
    assert tally.files == files + len(recorded)  # the RECORDs
    for lines, words in ((tally.failures, failures), (tally.altered, altered)):
        assert len(lines) == len(words)
        assert all(word in line and "mod.py" in line for word, line in zip(words, lines, strict=True))
