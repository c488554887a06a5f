"""What a build leaves, seen by the kernel, by unsquashfs and by PySquashfsImage alike."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from aleph_message.models import ProgramContent
from PySquashfsImage import SquashFsImage

from hatch_aleph.build import build_artifact
from hatch_aleph.project import load_project
from tests.whole.conftest import SAMPLE

pytestmark = [pytest.mark.index, pytest.mark.timeout(300)]

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "manifest.json"

needs_unsquashfs = pytest.mark.skipif(shutil.which("unsquashfs") is None, reason="unsquashfs is not installed")
needs_mounts = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None, reason="only root can mount"
)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    root = tmp_path_factory.mktemp("sample") / "sample_project"
    shutil.copytree(SAMPLE, root, ignore=shutil.ignore_patterns("dist", ".aleph"))
    return build_artifact(load_project(root), root / "dist")


def tree(folder: Path) -> dict[str, tuple[str, str]]:
    """Return {path: (mode, content)} of everything below a folder."""
    found = {}
    for path in folder.rglob("*"):
        mode = f"{path.lstat().st_mode:o}"
        if path.is_symlink():
            content = str(path.readlink())
        else:
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[path.relative_to(folder).as_posix()] = (mode, content)
    return found


def listed(image: Path) -> dict[str, tuple[str, str]]:
    found = {}
    with SquashFsImage.from_file(str(image)) as reader:
        for entry in reader:
            path = entry.path.lstrip("/")
            if not path:
                continue
            content = hashlib.sha256(entry.read_bytes()).hexdigest() if entry.is_file else ""
            found[path] = (f"{entry.mode:o}", entry.readlink() if entry.is_symlink else content)
    return found


@pytest.mark.parametrize("role", ["code", "packages"])
@needs_unsquashfs
def test_unsquashfs_and_pysquashfsimage_agree(artifact, role, tmp_path):
    image = artifact.file(artifact.manifest.image(role))
    subprocess.run(["unsquashfs", "-q", "-n", "-d", str(tmp_path / "out"), str(image)], check=True)
    assert tree(tmp_path / "out") == listed(image)


@pytest.mark.root
@pytest.mark.parametrize("role", ["code", "packages"])
@needs_mounts
def test_the_kernel_mounts_it(artifact, role, tmp_path):
    image = artifact.file(artifact.manifest.image(role))
    mounted = subprocess.run(
        ["mount", "-t", "squashfs", "-o", "loop,ro", str(image), str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode and "loop" in mounted.stderr:
        pytest.skip(f"no loop devices here: {mounted.stderr.strip()}")
    assert mounted.returncode == 0, mounted.stderr
    try:
        assert tree(tmp_path) == listed(image)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_the_packages_are_the_runtimes_whoever_builds(artifact):
    names = listed(artifact.file(artifact.manifest.image("packages")))
    extensions = [name for name in names if name.endswith(".so") and ".cpython-" in name]
    assert extensions
    assert all("cpython-311-x86_64-linux-gnu" in name for name in extensions)
    assert any(name.startswith(".aleph/modules/") for name in names)
    code = listed(artifact.file(artifact.manifest.image("code")))
    assert any(name.endswith(".cpython-311.opt-2.pyc") for name in code)


def test_the_manifest_is_what_its_schema_says(artifact):
    import jsonschema  # as in tests/settings/test_schema.py

    manifest = json.loads(artifact.path.read_text("utf-8"))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(manifest)
    assert {each["name"] for each in manifest["distributions"]} >= {"fastapi", "numpy", "pydantic-core", "starlette"}
    assert all(each["hashes"] for each in manifest["distributions"])


def test_the_network_takes_the_program_once_it_has_refs(artifact):
    program = json.loads(artifact.path.read_text("utf-8"))["program"]
    ref = "a" * 64
    volumes = [{"mount": "/opt/packages", "ref": ref, "use_latest": True}]
    content = {**program, "code": {**program["code"], "ref": ref}, "volumes": volumes, "address": "0x1", "time": 1.0}
    assert ProgramContent.model_validate(content).code.entrypoint == "aleph_entry:sample_api.main:app"
