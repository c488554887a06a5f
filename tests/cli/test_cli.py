"""The boundary: help without imports, one message an error, documented exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hatch_aleph import errors
from hatch_aleph.commands import COMMANDS


def hatch_aleph(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "hatch_aleph", *arguments],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        **options,
    )


def test_help_lists_every_command_and_imports_none():
    code = (
        "import sys; from hatch_aleph.cli import run; run(['--help']);"
        "print([name for name in sys.modules if name.startswith(('hatch_aleph.build', 'hatch_aleph.network', 'rich',"
        " 'pydantic', 'aleph', 'httpx'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    for name, (_, _, help_text) in COMMANDS.items():
        assert re.search(rf"^\s+{re.escape(name)}\s", done.stdout, re.MULTILINE), name
        assert help_text
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_shows_an_example(name):
    done = hatch_aleph(name, "--help")
    assert done.returncode == 0, done.stderr
    if "COMMAND [ARGS]" not in done.stdout:
        assert f"Example: hatch-aleph {name}" in re.sub(r"\s+", " ", done.stdout), done.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("biuld",), "Did you mean `build`?"),
        (("build", "--nope"), "No such option"),
        (("build", "--project"), "requires an argument"),
    ],
)
def test_a_wrong_command_line(arguments, expected):
    done = hatch_aleph(*arguments)
    assert done.returncode == errors.UsageError.exit_code
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_an_error_in_json(tmp_path):
    done = hatch_aleph("build", "--project", str(tmp_path), "--json")
    assert done.returncode == errors.ProjectError.exit_code
    (line,) = done.stdout.splitlines()
    error = json.loads(line)
    assert (error["event"], error["kind"], error["exit_code"]) == ("error", "ProjectError", 4)
    assert error["where"] == str(tmp_path / "pyproject.toml")
    assert not done.stderr


def test_every_exit_code_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "errors.md").read_text("utf-8")
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.HatchAlephError):
            assert f"| {value.exit_code} | `{name}` |" in page
