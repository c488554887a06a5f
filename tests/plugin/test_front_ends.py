"""Every Hatch and hatchling that the documentation promises, and every front end, build the same artifact."""

from __future__ import annotations

import os
import subprocess

import pytest
from uv import find_uv_bin

from hatch_aleph.artifact import Artifact
from tests.plugin.conftest import NOT_PASSED_ON, named

pytestmark = [pytest.mark.slow, pytest.mark.index, pytest.mark.timeout(900)]

HATCH = ["hatch==1.12.0", "hatch==1.14.2", "hatch==1.16.5", "hatch"]
OLDER_VIRTUALENV = dict.fromkeys(("hatch==1.12.0", "hatch==1.14.2"), ("--with", "virtualenv<21"))
HATCHLING = ["hatchling==1.22.2", "hatchling==1.27.0", "hatchling"]
PYPROJECT = """
[build-system]
requires = ["{hatchling}", "hatch-aleph @ file:///path/to/hatch-aleph"]
build-backend = "hatchling.build"

[project]
name = "my-api"
version = "1.5"
description = "An API"
readme = "README.md"
dependencies = ["markupsafe"]

[tool.hatch.build.hooks.aleph]

[tool.aleph]
entrypoint = "my_api.main:app"
"""
FILES = {
    "README.md": "# An API\n",
    "src/my_api/__init__.py": "",
    "src/my_api/main.py": "import markupsafe\n\nasync def app(scope, receive, send): ...\n",
}
# What is run, with which tool; and where the artifact then is.
FRONT_ENDS = {
    "build": (["--from", "build", "pyproject-build"], "dist/.aleph"),
    "uv": (None, "dist/.aleph"),
    "pip": (["pip", "wheel", "--no-deps", "--wheel-dir", "dist", "."], None),
    # Hatch before 1.16 calls what virtualenv 21 no longer has.
    **{
        each: (["--from", each, *OLDER_VIRTUALENV.get(each, ()), "hatch", "build", "-t", "aleph"], "dist")
        for each in HATCH
    },
}


@pytest.fixture(scope="module")
def seen() -> dict[tuple[str, str], set[str]]:
    """Image hashes, by role and what decides them, gathered over the matrix."""
    return {}


@pytest.mark.parametrize("hatchling", HATCHLING)
@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_the_same_images(front_end, hatchling, make_project, own_wheel, tmp_path, seen):
    root = make_project({"pyproject.toml": PYPROJECT.format(hatchling=hatchling), **FILES})
    named(root, own_wheel)
    arguments, folder = FRONT_ENDS[front_end]
    command = [find_uv_bin(), "build"] if arguments is None else [find_uv_bin(), "tool", "run", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED_ON)}
    environment |= {"HATCH_DATA_DIR": str(tmp_path / "hatch"), "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=root, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    # What is uploaded to an index by `dist/*` is nothing of ours, but for the target, which was asked for by name.
    if folder != "dist":
        uploads = [str(path) for path in (root / "dist").glob("[!.]*")]
        assert uploads
        subprocess.run(
            [find_uv_bin(), "tool", "run", "twine", "check", "--strict", *uploads], check=True, capture_output=True
        )
    if folder is None:  # pip builds in a folder of its own, and removes it
        assert not list(tmp_path.rglob("*.aleph.json"))
        return
    artifact = Artifact.find(root / "dist")
    assert artifact.path.parent == root / folder
    artifact.verify()
    for image in artifact.manifest.images:
        # The wheel names its generator, so code is compared by hatchling; packages are the same whatever built them.
        seen.setdefault((image.role, hatchling if image.role == "code" else ""), set()).add(image.sha256)
    assert all(len(hashes) == 1 for hashes in seen.values()), seen
