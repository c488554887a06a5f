"""Hatch itself builds, runs and cleans."""

from __future__ import annotations

import json
import re

import pytest
from PySquashfsImage import SquashFsImage

from hatch_aleph.artifact import Artifact
from hatch_aleph.errors import SettingsError

pytestmark = [pytest.mark.index, pytest.mark.timeout(600)]

PYPROJECT = """
[build-system]
requires = ["hatchling", "hatch-aleph @ file:///path/to/hatch-aleph"]
build-backend = "hatchling.build"

[project]
name = "my-api"
dynamic = ["version"]
dependencies = ["markupsafe"]

[tool.hatch.version]
path = "src/my_api/__init__.py"

[tool.aleph]
entrypoint = "my_api.main:app"

[tool.aleph.profiles.staging]
memory = 512
"""
# What runs these tests has it: Hatch asks no index, and would install another over it.
COLLECTOR = """
[tool.hatch.env]
requires = ["hatch-aleph"]
[tool.hatch.env.collectors.aleph]
"""
PLAIN = """
[tool.hatch.envs.aleph]
detached = true
dependencies = ["hatch-aleph[cli] @ file:///path/to/hatch-aleph"]
[tool.hatch.envs.aleph.scripts]
build = "hatch-aleph build {args}"
"""
FILES = {
    "src/my_api/__init__.py": '__version__ = "1.5"',
    "src/my_api/main.py": "import markupsafe\n\nasync def app(scope, receive, send): ...\n",
}


def extensions(image):
    with SquashFsImage.from_file(str(image)) as reader:
        return {entry.name for entry in reader if entry.name.endswith(".so")}


def test_build_target(make_project, hatch):
    root = make_project({"pyproject.toml": PYPROJECT, **FILES})
    told = hatch(root, "build", "-t", "aleph")
    for phase in (r"Resolved 1 distribution in \d", r"Packed 1 distribution, .* heaviest: markupsafe ", r"Built in \d"):
        assert re.search(phase, told.stdout + told.stderr)
    dist = root / "dist"
    assert (dist / "my_api-1.5.aleph.json").is_file()
    manifest = json.loads((dist / "my_api-1.5.aleph.json").read_text("utf-8"))
    assert [each["name"] for each in manifest["distributions"]] == ["markupsafe"]
    # The wheel is the runtime's, whatever Python runs this test.
    assert extensions(dist / "my_api-1.5-packages.squashfs") == {"_speedups.cpython-311-x86_64-linux-gnu.so"}

    hatch(root, "build", "-t", "aleph:staging")
    staging = json.loads((dist / "my_api-1.5-staging.aleph.json").read_text("utf-8"))
    assert (staging["profile"], staging["program"]["resources"]["memory"]) == ("staging", 512)

    hatch(root, "clean", "-t", "aleph")
    assert not list(dist.glob("*"))


def test_build_hook(make_project, hatch):
    root = make_project({"pyproject.toml": PYPROJECT + "\n[tool.hatch.build.hooks.aleph]\n", **FILES})
    hatch(root, "build", "-t", "wheel")
    dist = root / "dist"
    # What `twine upload dist/*` takes is for the index alone.
    assert [path.name for path in dist.iterdir() if not path.name.startswith(".")] == [
        "my_api-1.5-py2.py3-none-any.whl"
    ]
    assert {path.name.split("-", 1)[1] for path in (dist / ".aleph").iterdir()} >= {
        "1.5.aleph.json",
        "1.5-code.squashfs",
    }
    assert Artifact.find(dist).path == dist / ".aleph" / "my_api-1.5.aleph.json"

    hatch(root, "clean")
    assert not list(dist.glob("*"))
    assert not list((dist / ".aleph").glob("*"))


def test_mistakes_end_in_one_message(make_project, hatch):
    root = make_project({"pyproject.toml": PYPROJECT.replace("entrypoint", "entrypint"), **FILES})
    done = hatch(root, "build", "-t", "aleph", check=False)
    assert done.returncode == SettingsError.exit_code
    said = done.stdout + done.stderr
    assert "tool.aleph.entrypint: unknown key; did you mean `entrypoint`?" in said
    assert "Traceback" not in said
    assert not list((root / "dist").glob("*"))


@pytest.mark.parametrize("form", [COLLECTOR, PLAIN], ids=["collector", "plain"])
def test_environment(make_project, hatch, form):
    root = make_project({"pyproject.toml": PYPROJECT + form, **FILES})
    done = hatch(root, "run", "aleph:build", "--json")
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["manifest"].endswith("my_api-1.5.aleph.json")
    failed = hatch(root, "run", "aleph:build", "--profile", "nope", check=False)
    assert failed.returncode == SettingsError.exit_code


def test_the_collector_keeps_what_the_user_adds(make_project, hatch):
    own = COLLECTOR + '\n[tool.hatch.envs.aleph.scripts]\nhello = "echo hello"\n'
    root = make_project({"pyproject.toml": PYPROJECT + own, **FILES})
    shown = json.loads(hatch(root, "env", "show", "--json").stdout)["aleph"]["scripts"]
    assert shown["hello"] == ["echo hello"]
    assert "deploy" in shown
