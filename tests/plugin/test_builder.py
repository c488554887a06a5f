"""Build target and build hook by hatchling alone, in the environment of the tests; test_hatch.py has Hatch's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hatch_aleph.plugin.builder import AlephBuilder

PYPROJECT = """
[project]
name = "my-api"
version = "1.0"

[build-system]
requires = ["hatchling", "hatch-aleph @ file:///path/to/hatch-aleph"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
only-include = ["main.py"]

[tool.aleph]
entrypoint = "main:app"

[tool.aleph.profiles.staging]
memory = 256
"""
HOOK = "[tool.hatch.build.hooks.aleph]\n"


@pytest.fixture
def hatchling(make_project, tmp_path):
    root = make_project({"pyproject.toml": PYPROJECT})

    def run(*arguments, **variables):
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", *arguments],
            cwd=root,
            env={**os.environ, "HATCH_ALEPH_CACHE": str(tmp_path / "cache"), **variables},
            check=False,
            capture_output=True,
            text=True,
        )
        built = sorted(path.relative_to(root / "dist").as_posix() for path in (root / "dist").rglob("*"))
        return done, [name for name in built if not name.endswith(".tar.gz")]

    run.root = root
    return run


def said_once(done, code, words):
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_target_versions_are_profiles_and_clean_removes_what_was_built(hatchling):
    done, built = hatchling("-t", "aleph")
    assert done.returncode == 0, done.stderr
    (manifest,) = [name for name in built if name.endswith(".aleph.json")]
    _, built = hatchling("-t", "aleph:staging")
    assert [name for name in built if name.endswith(".aleph.json")] == sorted(
        [manifest, manifest.replace(".aleph.json", "-staging.aleph.json")]
    )
    done, built = hatchling("-t", "aleph", "-c", "--clean-only")
    assert (done.returncode, built) == (0, []), done.stderr


def test_a_family_of_profiles_is_no_target_version(tmp_path):
    table = {"profiles": {"staging": {}, "pr-*": {}, "pr-?": {}}}
    config = {"project": {"name": "p", "version": "1"}, "tool": {"aleph": table}}
    builder = AlephBuilder(str(tmp_path), config=config)
    assert list(builder.get_version_api()) == ["standard", "staging"]


def test_a_failure_ends_the_build_with_its_message_and_exit_code(hatchling):
    done, built = hatchling("-t", "aleph", HATCH_ALEPH_PROFILE="stagin")
    said_once(done, 3, "staging")
    (hatchling.root / "main.py").unlink()
    done, more = hatchling("-t", "aleph")
    said_once(done, 3, "the project has no module `main`")
    assert built == more == []


def test_the_hook_builds_with_the_wheel_apart_from_it(hatchling):
    file = Path(hatchling.root) / "pyproject.toml"
    file.write_text(file.read_text("utf-8").replace("[tool.aleph]", f'{HOOK}profile = "staging"\n[tool.aleph]', 1))
    done, built = hatchling("-t", "wheel")
    assert done.returncode == 0, done.stderr
    assert [name for name in built if "/" not in name] == [".aleph", "my_api-1.0-py2.py3-none-any.whl"]
    assert any(name.startswith(".aleph/") and name.endswith("-staging.aleph.json") for name in built)
    done, built = hatchling("-t", "wheel", "-c", "--clean-only")
    assert (done.returncode, built) == (0, []), done.stderr
    file.write_text(file.read_text("utf-8").replace('profile = "staging"\n[tool', 'profile = "none"\n[tool', 1))
    done, built = hatchling("-t", "wheel")
    said_once(done, 3, "none")
