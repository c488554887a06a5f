"""A run that claims to be whole has no skip that nobody wrote down, and no list names what is not there."""

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
        env={**os.environ, "PYTHONPATH": str(ROOT), "HATCH_ALEPH_LISTED_SKIPS": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert ("skipped, and not listed" in done.stdout) is bool(code)


def test_every_file_that_is_listed_is_there():
    assert [name for name in (*LISTED_SKIPS, *ON_ONE_PYTHON) if not (ROOT / name).is_file()] == []
