"""The boundary: help without imports, one message an error, documented exit codes."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from hatch_aleph import errors
from hatch_aleph.cli import context, run
from hatch_aleph.commands import COMMANDS, overview


def hatch_aleph(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "hatch_aleph", *arguments],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        **options,
    )


@pytest.mark.usefixtures("unmeasured")
def test_help_lists_every_command_and_imports_none(capsys):
    code = (
        "import sys; from hatch_aleph.__main__ import main; sys.argv[1:] = ['--help']\n"
        "try: main()\n"
        "finally: print(*sorted(name for name in sys.modules if name.startswith(('hatch_aleph', 'click', 'textwrap'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    text, modules = done.stdout.rstrip("\n").rsplit("\n", 1)
    for name, (_, _, help_text) in COMMANDS.items():
        assert re.search(rf"^\s+{re.escape(name)}\s", text, re.MULTILINE), name
        assert help_text
    assert modules == "hatch_aleph hatch_aleph.__main__ hatch_aleph.commands"
    assert run(["--help"]) == 0
    assert capsys.readouterr().out.rstrip("\n") == text


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_the_base_install_tells_its_version_and_commands(option, capsys):
    """It has no click; the release's workflow compares the version of the wheel alone with the tag."""
    code = (
        "import sys; sys.modules['click'] = None\n"
        f"from hatch_aleph.__main__ import main; sys.argv[1:] = ['{option}']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert run([option]) == 0
    assert capsys.readouterr().out == done.stdout


@pytest.mark.parametrize("columns", [20, 60, 80, 200])
def test_help_is_folded_like_the_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = overview().splitlines()
    assert max(map(len, lines[1:-1])) <= max(min(columns, 100), 60)
    assert " ".join(overview().split()).count("Build what changed, publish it, wait until the program answers.") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_shows_an_example(name):
    done = hatch_aleph(name, "--help")
    assert done.returncode == 0, done.stderr
    if "COMMAND [ARGS]" not in done.stdout:
        assert f"Example: hatch-aleph {name}" in re.sub(r"\s+", " ", done.stdout), done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_s_own_options_come_before_the_shared_ones(name):
    groups = [*context._GROUPS.values(), (context._JSON,)]
    shared = {
        parameter.name for group in groups for option in group for parameter in option(lambda: None).__click_params__
    }
    module, attribute, _ = COMMANDS[name]
    command = getattr(importlib.import_module(f"hatch_aleph.cli.{module}"), attribute)
    names = [each.name for each in command.params if isinstance(each, click.Option)]
    own = [place for place, each in enumerate(names) if each not in shared]
    first = [names.index(each) for each in ("project_folder", "nodes", "account_name", "as_json") if each in names]
    assert max(own, default=-1) < min(first, default=len(names))


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


@pytest.mark.parametrize("command", [["list"], ["pricing"], ["list", "--address"]])
@pytest.mark.parametrize("prefix", ["", "0x", "0X"])
def test_a_key_in_the_place_of_something_else_is_not_repeated(command, prefix, capsys):
    key = "5eC7" * 16
    assert run([*command, prefix + key]) == errors.UsageError.exit_code
    assert key[8:] not in "".join(capsys.readouterr())


def test_an_error_in_json(tmp_path):
    done = hatch_aleph("build", "--project", str(tmp_path), "--json")
    assert done.returncode == errors.ProjectError.exit_code
    (line,) = done.stdout.splitlines()
    error = json.loads(line)
    assert (error["event"], error["kind"], error["exit_code"]) == ("error", "ProjectError", 4)
    assert error["where"] == str(tmp_path / "pyproject.toml")
    assert not done.stderr


def test_what_a_build_hook_prints_is_no_json(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "loud"\nversion = "1"\n[tool.aleph]\nentrypoint = "main:app"\n'
        '[tool.hatch.build.hooks.custom]\n[tool.hatch.build.targets.wheel]\ninclude = ["main.py"]\n'
    )
    (tmp_path / "main.py").write_text("async def app(scope, receive, send): ...\n")
    (tmp_path / "hatch_build.py").write_text(
        "import os, subprocess, sys\nfrom hatchling.builders.hooks.plugin.interface import BuildHookInterface\n"
        "class Loud(BuildHookInterface):\n"
        "    def initialize(self, version, build_data):\n"
        "        print('one')\n        os.write(1, b'two\\n')\n"
        "        subprocess.run([sys.executable, '-c', 'print(3)'])\n"
    )
    done = hatch_aleph("build", "--project", str(tmp_path), "--json")
    assert [json.loads(line) for line in done.stdout.splitlines()][-1]["event"] == "result"
    assert done.returncode == 0
    assert done.stderr.split() == ["one", "two", "3"]


def test_every_exit_code_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "errors.md").read_text("utf-8")
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.HatchAlephError):
            assert f"| {value.exit_code} | [`{name}`](#{name.lower()}) |" in page


def test_alone_it_shows_its_commands_in_groups(capsys):
    assert run([]) == 0
    told = capsys.readouterr().out
    assert told.index("Project:") < told.index("deploy") < told.index("Programs:") < told.index("faucet")


def test_the_official_manual_s_way_of_writing_a_command(capsys):
    assert run(["program", "list", "--help"]) == 0
    assert "hatch-aleph list" in capsys.readouterr().out
    assert run(["program"]) == 64


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes(shell, capsys, monkeypatch):
    assert run(["completions", shell]) == 0
    script = capsys.readouterr().out
    assert "_HATCH_ALEPH_COMPLETE" in script
    if shell == "bash":
        monkeypatch.setenv("_HATCH_ALEPH_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", "hatch-aleph rollb")
        monkeypatch.setenv("COMP_CWORD", "1")
        with pytest.raises(SystemExit, match=r"^0$"):
            run([])
        assert "rollback" in capsys.readouterr().out


def test_a_shell_without_completions_is_named(capsys, monkeypatch):
    monkeypatch.setenv("SHELL", "/bin/nushell")
    assert run(["completions"]) == 64
    assert "nushell" in capsys.readouterr().err
