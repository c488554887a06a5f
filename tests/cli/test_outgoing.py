"""What leaves this machine: every command that publishes refuses the key that signs; a new one must stand here."""

from __future__ import annotations

import ast
import importlib
import io
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import click
import pytest

import hatch_aleph
from hatch_aleph.commands import COMMANDS
from hatch_aleph.squashfs import Entry, write_image
from tests.deploy.rig import make_artifact

GITHUB = "ghp_" + "1a2b3c4d5e6f7g8h9i0jk1l2m3n4o5p6q7r8"
OTHER = "0x" + "3b" * 20
# What can be said in each: KEY is the key in hexadecimal digits, FILE and FOLDER hold it, APP is harmless, LOOSE is the
# item hash of a STORE that nothing uses, PROGRAM that of a program.
SAYS = {
    "create": [
        ["FOLDER", "main:app"],
        ["APP", "main:app", "--env-vars", "A=KEY"],
        ["APP", "main:app", "--name", "KEY"],
        ["APP", "main:app", "--channel", "KEY"],
    ],
    "upload": [["FOLDER", "main:app"]],
    "update": [["PROGRAM", "FOLDER"], ["PROGRAM", "--env-vars", "A=KEY", "--replace"]],
    "volume publish": [["FOLDER"], ["FILE"], ["APP", "--name", "KEY"]],
    "file upload": [["FILE"]],
    "file forget": [["LOOSE", "--reason", "KEY"]],
    "message forget": [["PROGRAM", "--reason", "KEY"]],
    "domain attach": [["KEY-A.KEY-B.example.org", "PROGRAM"]],
    "authorization add": [[OTHER, "--type", "POST", "--channel", "KEY"]],
}
# These publish an artifact, whose search tests/deploy/test_secrets.py shows.
OF_A_PROJECT = {"deploy"}
# These publish hashes alone, or again what is public already.
SAY_NOTHING_NEW = {
    *("rollback", "prune", "delete", "persist", "persistent", "unpersist", "unpersistent", "volume delete", "file pin"),
    *("domain detach", "authorization revoke", "runtime-checker"),
}
SIGN_NO_MESSAGE = {
    *("init", "build", "lock", "plan", "status", "history", "verify", "diff", "inspect", "report", "list", "show"),
    *("open", "logs", "restart", "stop", "run", "pricing", "credits history", "faucet", "serve", "completions"),
    *("volume list", "volume show", "domain list", "domain check", "file list", "file get", "message get"),
    *("message list", "authorization list"),
}
NOT_OF_THE_NETWORK = {"account", "alias", "cache", "node"}


def leaves() -> set[str]:
    found = set()
    for name, (module, attribute, _) in COMMANDS.items():
        command = getattr(importlib.import_module(f"hatch_aleph.cli.{module}"), attribute)
        if isinstance(command, click.Group) and name not in NOT_OF_THE_NETWORK:
            found |= {f"{name} {each}" for each in command.commands}
        else:
            found.add(name)
    return found


def test_every_command_is_known_for_what_it_publishes() -> None:
    known = [set(SAYS), OF_A_PROJECT, SAY_NOTHING_NEW, SIGN_NO_MESSAGE, NOT_OF_THE_NETWORK]
    assert leaves() == set().union(*known)
    assert sum(map(len, known)) == len(set().union(*known))


def test_only_the_outbox_signs_messages_and_sends_files() -> None:
    """Everything that publishes passes its search, then; of what is called ``publish`` a client's alone sends."""
    root = Path(hatch_aleph.__file__).parent
    callers = set()
    for file in root.rglob("*.py"):
        if file.is_relative_to(root / "local") or file.is_relative_to(root / "network"):
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called.endswith(("sign_message", "client.publish", "client.upload")):
                    callers.add(file.relative_to(root).as_posix())
    assert callers == {"deploy/outbox.py"}


@pytest.fixture
def said(cli, tmp_path):
    made = cli.create("known", "--updatable")
    digits = cli.key.read_bytes().hex()
    loose = tmp_path / "loose.txt"
    loose.write_text("used by none")
    (tmp_path / "holding").mkdir()
    (tmp_path / "holding/main.py").write_text(f"KEY = '{digits}'\nasync def app(scope, receive, send): ...\n")
    (tmp_path / "holding.txt").write_text(digits)
    values = {
        "FOLDER": tmp_path / "holding",
        "FILE": tmp_path / "holding.txt",
        "APP": cli.app("another"),
        "PROGRAM": made["item_hash"],
        "LOOSE": cli.json("file", "upload", loose).result["item_hash"],
    }

    def fill(argument: str) -> str:
        if argument in values:
            return str(values[argument])
        return argument.replace("KEY-A", digits[:32]).replace("KEY-B", digits[32:]).replace("KEY", digits)

    return fill


@pytest.mark.parametrize("command", SAYS)
def test_no_command_publishes_the_key_that_signs(cli, said, command):
    before = cli.sent
    for arguments in SAYS[command]:
        options = ["--no-smoke", "--no-health"] if command in ("create", "upload", "update") else []
        switch = (
            ["--no-secret-scan"] if command in ("create", "upload", "update", "volume publish", "file upload") else []
        )
        error = cli.json(*command.split(), *map(said, arguments), *options, *switch).error
        assert "the key that signs" in error["message"], error
        assert cli.key.read_bytes().hex() not in str(error)
    assert cli.sent == before


@pytest.mark.parametrize("switch", [["--no-secret-scan"], []])
def test_no_deployment_publishes_the_key_that_signs(cli, tmp_path, switch):
    """Neither with the scan switched off, nor where everything is allowed by name: an archive in an archive."""
    inner, outer = io.BytesIO(), io.BytesIO()
    with ZipFile(inner, "w", ZIP_DEFLATED) as archive:
        archive.writestr("notes.txt", f"x = '{cli.key.read_bytes().hex()}'")
    with ZipFile(outer, "w", ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", inner.getvalue())
    entries = [Entry("main.py", "file", source=b"app = None"), Entry("data.bin", "file", source=outer.getvalue())]
    write_image(entries, tmp_path / "image")
    code = (tmp_path / "image").read_bytes()
    make_artifact(tmp_path / "dist", code=code, packages=code, settings={"secrets": {"allow": ["*"]}})
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1.0"\n[tool.aleph]\nentrypoint = "main:app"\n'
    )
    before = cli.sent
    given = ("--project", tmp_path, "--dist", tmp_path / "dist", "--no-build", "--yes", "--no-smoke")
    error = cli.json("deploy", *given, *switch).error
    assert "data.bin: the key that signs" in error["message"], error
    assert cli.sent == before


def test_files_and_reasons_are_searched_for_other_secrets(cli, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text(f"TOKEN = '{GITHUB}'\n")
    before = cli.sent
    for command in ("file upload", "volume publish"):
        error = cli.json(*command.split(), file).error
        assert "GitHub token" in error["message"]
        assert "--no-secret-scan" in error["hint"]
        assert "secret by its name" in cli.json(*command.split(), named(tmp_path / ".env")).error["message"]
    made = cli.create("reasons")
    error = cli.json("message", "forget", made["item_hash"], "--reason", f"leaked {GITHUB}").error
    assert "GitHub token" in error["message"]
    assert GITHUB not in str(error)
    assert len(cli.sent) == len(before) + 2
    assert cli.json("file", "upload", file, "--allow-secret", "notes.*").code == 0
    assert cli.json("file", "upload", named(tmp_path / ".env"), "--no-secret-scan").code == 0


def named(file: Path) -> Path:
    file.write_text("A=1\n")
    return file
