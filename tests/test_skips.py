"""A run that claims to be whole has no skip that nobody wrote down, and no list names what is not there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import LISTED_SKIPS, ON_ONE_PYTHON

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("reason", "code"), [("nobody wrote this down", 1), ("no Python 3.9 here", 0)])
def test_a_skip_that_is_not_listed_fails_the_run(reason, code, tmp_path):
    (tmp_path / "tests" / "guest").mkdir(parents=True)
    (tmp_path / "tests" / "guest" / "test_pythons.py").write_text(
        f"import pytest\n\ndef test_it():\n    pytest.skip({reason!r})\n\ndef test_other():\n    pass\n", "utf-8"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    options = ["-q", "-p", "no:cacheprovider", "-p", "tests.conftest", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HATCH_ALEPH_LISTED_SKIPS": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert ("skipped, and not listed" in done.stdout) is bool(code)


def test_failures_beside_a_skip_that_is_not_listed_are_not_tried_again(tmp_path):
    """The second run would pass without having met the skip."""
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\ndef test_a():\n    pytest.skip('x')\n\ndef test_b():\n    1 / 0\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    unlisting = {name: value for name, value in os.environ.items() if name != "HATCH_ALEPH_LISTED_SKIPS"}
    for listing, noted in (({"HATCH_ALEPH_LISTED_SKIPS": "1"}, 0), ({}, 1)):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-o", "cache_dir=memory", "test_it.py"],
            cwd=tmp_path,
            env={**unlisting, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **listing},
            check=False,
            capture_output=True,
        )
        assert done.returncode == 1
        assert len(json.loads((tmp_path / "memory/v/cache/lastfailed").read_text("utf-8"))) == noted


def test_no_folder_of_tests_is_passed_over(pytestconfig):
    """pytest leaves out folders by their names, in silence: `build` is one of its own list."""
    left_out = pytestconfig.getini("norecursedirs")
    folders = [path for path in (ROOT / "tests").rglob("*") if path.is_dir() and not path.name.startswith(".")]
    assert not [path for path in folders if any(path.match(pattern) for pattern in left_out)]


def test_every_file_that_is_listed_is_there():
    assert [name for name in (*LISTED_SKIPS, *ON_ONE_PYTHON) if not (ROOT / name).is_file()] == []
