"""Odd wheels of a build backend: each is refused by one message that names the wheel, or taken without harm.

Nothing of a backend's word becomes a path, no bytecode of others is published, and the tool takes no fault for its own.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tracemalloc
import warnings
import zipfile
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.cli import run
from hatch_aleph.wheel_file import InvalidWheelError, headers, member_path
from tests.build.conftest import image_files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NAME = "shop-1.0-py3-none-any.whl"
INFO = "shop-1.0.dist-info"
METADATA = f"{INFO}/METADATA"
HEAD = b"Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n"
BACKEND = f"""
import os, shutil
def build_wheel(folder, config_settings=None, metadata_directory=None):
    shutil.copy(os.path.join(os.path.dirname(__file__), "wheel.bin"), os.path.join(folder, "{NAME}"))
    return "{NAME}"
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "shop"
{version}
[tool.aleph]
entrypoint = "main:app"
bytecode = false
"""


def wheel(
    more: dict[str, bytes], *, without: Iterable[str] = (), record: bytes | None = None, again: str | None = None
) -> bytes:
    files = {
        "main.py": b"async def app(scope, receive, send): ...\n",
        METADATA: HEAD,
        f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **more,
    }
    for path in without:
        del files[path]
    if record is None:
        record = "".join(_row(path, data) for path, data in files.items()).encode() + f"{INFO}/RECORD,,\n".encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        for path, data in files.items():
            opened.writestr(zipfile.ZipInfo(path), data, zipfile.ZIP_DEFLATED)
        opened.writestr(f"{INFO}/RECORD", record)
        if again:
            opened.writestr(again, "1/0")
    return archive.getvalue()


def _row(path: str, data: bytes) -> str:
    return (
        f'"{path}",sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")},{len(data)}\n'
    )


def changed(*, local: int, central: int, value: int) -> bytes:
    """Return a wheel whose first member's headers say something else."""
    data = bytearray(wheel({}))
    data[data.find(b"PK\x03\x04") + local] = value
    data[data.find(b"PK\x01\x02") + central] = value
    return bytes(data)


# The wheel, and a part of the message, or "" where it is taken.
WHEELS: dict[str, tuple[bytes, str]] = {
    "no archive": (bytes(500), "not a zip file"),
    "nothing": (b"", "not a zip file"),
    "cut": (wheel({})[:-300], "not a zip file"),
    "encrypted": (changed(local=6, central=8, value=1), "encrypted"),
    "compressed in a way of its own": (changed(local=8, central=10, value=99), "compression"),
    "of another sum": (changed(local=14, central=16, value=7), "Bad CRC-32"),
    "without METADATA": (wheel({}, without=[METADATA]), "no METADATA"),
    "without a RECORD": (wheel({}, record=b""), "RECORD"),
    "a RECORD of one field": (wheel({}, record=b"x" * 300_000 + b",,\n"), "RECORD is no table"),
    "a RECORD that never closes": (wheel({}, record=b'"' + b"x\n" * 200_000), "RECORD is no table"),
    "a RECORD of bytes": (wheel({}, record=b"\xff\xfe\0\0,,\n"), "RECORD"),
    "a METADATA without end": (wheel({METADATA: HEAD + b"X: y\n" * 500_000}), "more than 1 MiB"),
    "a METADATA of 30 MB": (wheel({METADATA: HEAD + b"\n" + b"x\n" * 15_000_000}), ""),
    "a version that climbs": (
        wheel({METADATA: HEAD.replace(b"1.0", b"1/../../evil")}),
        "Invalid project.version",
    ),
    "a name that climbs": (wheel({METADATA: HEAD.replace(b"shop", b"../../evil")}), "Invalid project.name"),
    "no name": (wheel({METADATA: b"Metadata-Version: 2.1\n\n"}), "Invalid project.name"),
    "a requirement that is none": (wheel({METADATA: HEAD + b"Requires-Dist: == @@ x\n"}), "is no requirement"),
    "a file without a name": (wheel({".": b"x"}), "no image may hold"),
    "data without a scheme": (wheel({"shop-1.0.data": b"x"}), "no image may hold"),
    "a scheme without a file": (wheel({"shop-1.0.data/purelib": b"x"}), "no image may hold"),
    "data that describe the image": (wheel({"shop-1.0.data/data/.aleph/inputs": b"0"}), ".aleph/inputs"),
    "a file that is a folder": (wheel({"a": b"x", "a/b": b"y"}), "both a file and a folder"),
    "a file in place of the scripts": (wheel({"bin": b"x", "shop-1.0.data/scripts/run": b"y"}), "bin would be both"),
    "a name with two contents": (wheel({}, again="main.py"), "another hash for main.py"),
    "a path that climbs": (wheel({"../../evil.py": b"1/0"}), "../../evil.py"),
    "a path of Windows": (wheel({"..\\..\\evil.py": b"1/0"}), "evil.py"),
    "a drive": (wheel({"C:/evil.py": b"1/0"}), "C:/evil.py"),
    "folders in folders without end": (wheel({"d/" * 1500 + "x.py": b"1"}), "no image may hold"),
    "a name of 5,000 letters": (wheel({"n" * 5000 + ".py": b"1"}), "no image may hold"),
    "bytecode of its own": (wheel({"__pycache__/main.cpython-311.opt-2.pyc": b"evil"}), ""),
    "a terminal's sequences": (wheel({"a\x1b[2J.py": b""}), ""),
}


@pytest.mark.parametrize("name", WHEELS)
def test_it_is_refused_by_name_or_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    data, told = WHEELS[name]
    project = tmp_path / "project"
    (project / "dist/shop-1").mkdir(parents=True)  # a version that climbs would find its way
    (project / "pyproject.toml").write_text(PYPROJECT.format(version='dynamic = ["version", "dependencies"]'))
    (project / "backend.py").write_text(BACKEND)
    (project / "wheel.bin").write_bytes(data)
    monkeypatch.setattr("hatch_aleph.cli._stop_on_signals", lambda: None)
    code = run(["build", "--project", str(project)])
    said = "".join(capsys.readouterr())
    assert not {"defect", "Traceback", "Make room", "\x1b"}.intersection(said.split()), said
    assert "\x1b" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["project"]
    if told:
        assert told in said
        assert code in (4, 5)  # a fault of the project, or of what it needs
        return
    assert code == 0, said
    files = image_files(next((project / "dist").glob("*-code.squashfs")), tmp_path / "image")
    assert "main.py" in files
    assert b"evil" not in b"".join(files.values())


@pytest.mark.parametrize(
    "wrong",
    ['name = "../../evil"\nversion = "1"', 'name = "shop"\nversion = "1/../../../evil"', 'name = ""\nversion = ""'],
)
def test_no_name_or_version_of_a_project_without_a_backend_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    project = tmp_path / "a" / "b" / "project"
    (project / "dist/shop-1").mkdir(parents=True)
    (project / "pyproject.toml").write_text(f'[project]\n{wrong}\n[tool.aleph]\nentrypoint = "main:app"\n')
    (project / "main.py").write_text("async def app(scope, receive, send): ...\n")
    monkeypatch.setattr("hatch_aleph.cli._stop_on_signals", lambda: None)
    assert run(["build", "--project", str(project)]) == 4
    assert "Invalid project." in "".join(capsys.readouterr())
    assert not list(tmp_path.rglob("*evil*"))


def test_a_requirement_is_told_without_its_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That of the wheel, which the project does not name."""
    secret = b"Requires-Dist: alpha @ https://user:s3cret@code.example.net/t/s3cret/alpha-1.0.tar.gz?s3cret\n"
    (tmp_path / "pyproject.toml").write_text(PYPROJECT.format(version='version = "1.0"'))
    (tmp_path / "backend.py").write_text(BACKEND)
    (tmp_path / "wheel.bin").write_bytes(wheel({METADATA: HEAD + secret}))
    monkeypatch.setattr("hatch_aleph.cli._stop_on_signals", lambda: None)
    assert run(["build", "--project", str(tmp_path)]) == 0
    said = "".join(capsys.readouterr())
    assert "which project.dependencies does not name" in said
    assert "s3cret" not in said


def test_headers_take_memory_of_their_own_size_alone() -> None:
    large = HEAD + b"\n" + b"x\n" * 15_000_000
    tracemalloc.start()
    assert headers(large)["Version"] == "1.0"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20
    with pytest.raises(InvalidWheelError, match="more than 1 MiB"):
        headers(b"X: y\r\n" * 500_000)
    assert headers(HEAD.replace(b"\n", b"\r\n") + b"\r\nName: another\r\n").get_all("Name") == ["shop"]


def test_paths_are_what_installers_make_of_them() -> None:
    assert member_path("./a/./b\\c.py") == "a/b/c.py"
