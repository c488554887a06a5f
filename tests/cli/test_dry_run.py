"""A dry run, of every command that signs something or changes a host, shows what it would do and sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from hatch_aleph.cli import cli as hatch_aleph
from tests.programs.rig import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

# Commands that take a key and send nothing with it: they read as its address, sign questions to hosts, or keep it.
READERS = {
    "account", "alias", "credits", "diff", "domain check", "domain list", "file get", "file list", "history", "list",
    "logs", "message get", "message list", "node", "open", "plan", "pricing", "report", "run", "serve", "show",
    "status", "verify", "volume list", "volume show", "authorization list",
}  # fmt: skip


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(command)
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, (*path, name))


def test_each_command_that_signs_has_a_dry_run():
    lacking = [
        path
        for path, command in leaves(hatch_aleph)
        if {option for each in command.params for option in each.opts} >= {"--private-key-file"}
        if not any("--dry-run" in each.opts for each in command.params)
        if path not in READERS and path.split(" ")[0] not in READERS
    ]
    assert lacking == []


@pytest.fixture
def stranger(network) -> str:
    return network.new_account().address


def test_files_and_messages(cli, tmp_path):
    file = tmp_path / "model.bin"
    file.write_bytes(b"weights")
    check(cli, ("file", "upload", file), "model.bin")
    made = cli.json("file", "upload", file).result
    check(cli, ("file", "pin", made["file_hash"]), made["file_hash"])
    check(cli, ("file", "forget", made["item_hash"]), made["item_hash"])
    check(cli, ("message", "forget", made["item_hash"]), made["item_hash"])


def test_permissions_and_domains(cli, stranger):
    check(cli, ("authorization", "add", stranger, "--deploy"), stranger)
    assert cli.json("authorization", "add", stranger, "--deploy").code == 0
    check(cli, ("authorization", "revoke", stranger), stranger)
    made = cli.create("named")
    assert cli.json("domain", "attach", "dry.example.org", made["item_hash"]).code == 0
    check(cli, ("domain", "detach", "dry.example.org"), "dry.example.org")


def test_what_hosts_are_told(cli, network):
    made = cli.create("running")
    assert ask(made["urls"][0]) == (200, "running")
    before = network.get("/v2/about/executions/list")
    check(cli, ("stop", made["item_hash"]), made["item_hash"])
    check(cli, ("restart", made["item_hash"]), made["item_hash"])
    assert network.get("/v2/about/executions/list").keys() >= before.keys()  # an earlier test's may start meanwhile


def test_the_runtime_checker_and_the_faucet(cli, network):
    check(cli, ("runtime-checker", "debian-12"), "a checker")
    balance = f"/api/v0/addresses/{cli.account.address}/balance"
    before = network.get(balance)
    check(cli, ("faucet",), cli.account.address)
    assert network.get(balance) == before


def test_a_dry_run_finishes_nothing_that_an_earlier_run_left(cli, monkeypatch):
    made = cli.create("left", "--updatable")
    with monkeypatch.context() as cut:
        deliver = "hatch_aleph.deploy.outbox.Outbox.deliver"
        real = __import__("hatch_aleph.deploy.outbox", fromlist=["Outbox"]).Outbox.deliver

        def killed(self, type_, content, **options):
            message = real(self, type_, content, **options)
            if type_ == "FORGET":
                raise KeyboardInterrupt
            return message

        cut.setattr(deliver, killed)
        assert cli("delete", made["item_hash"]).code == 130
    before = cli.sent
    assert cli("delete", made["item_hash"], "--dry-run").code == 13
    assert cli.sent == before
    assert cli("delete", made["item_hash"]).code == 0
    assert len(cli.sent) == len(before) + 1


def check(cli, arguments, named):
    before = cli.sent
    done = cli.json(*arguments, "--dry-run").result
    assert done["dry_run"] is True
    assert named in done["would"]
    assert "dry run" in cli(*arguments, "--dry-run").out
    assert cli.sent == before
