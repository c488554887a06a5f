"""The official command line (``aleph-client``) works unchanged: create, list, update, delete.

It pins other versions of the SDK and of aleph-message than we use, so it lives in an environment of its own:
``nox -s official_cli`` makes one, or ``ALEPH_CLI`` names an ``aleph`` that is there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.local.node.support import DEBIAN_12, Account

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.node.support import Client, RunningNode

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("ALEPH_CLI" not in os.environ, reason="ALEPH_CLI names no official `aleph` command"),
    pytest.mark.skipif(shutil.which("mksquashfs") is None, reason="the official CLI packs folders by mksquashfs"),
]


class Cli:
    """The official command with a key, a node and a home of its own."""

    def __init__(self, folder: Path, url: str, seed: str) -> None:
        self.account = Account(seed)
        key = folder / f"{seed}.key"
        key.write_bytes(hashlib.sha256(seed.encode()).digest())
        self.folder = folder
        self.env = {
            **os.environ,
            "ALEPH_API_HOST": url,
            "ALEPH_PRIVATE_KEY_FILE": str(key),
            "ALEPH_CONFIG_HOME": str(folder),
            "COLUMNS": "200",
        }

    def run(self, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [os.environ["ALEPH_CLI"], "program", *arguments],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout

    def create(self, name: str, *options: str) -> tuple[int, str]:
        fixed = ("--runtime", DEBIAN_12, "--compute-units", "1", "--skip-volume", "--skip-env-var")
        return self.run("create", "app", "main:app", "--name", name, *fixed, *options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("async def app(scope, receive, send): ...\n", "utf-8")
    return tmp_path


@pytest.fixture
def cli(folder: Path, node: RunningNode, client: Client) -> Cli:
    made = Cli(folder, node.url, "cli")
    client.faucet(made.account, tokens=100_000)
    return made


def test_create_list_update_and_delete(cli: Cli, client: Client) -> None:
    code, output = cli.create("by-the-cli", "--updatable")
    assert code == 0, output
    item_hash = re.search(r"Program ([0-9a-f]{64}) has been uploaded", output.replace("Your program", "Program")).group(
        1
    )
    program = client.message(item_hash)
    assert (program["status"], program["message"]["content"]["metadata"]["name"]) == ("processed", "by-the-cli")
    store = program["message"]["content"]["code"]["ref"]
    before = client.get(f"/api/v0/storage/by-ref/{store}")["file_hash"]

    code, output = cli.run("list")
    assert code == 0, output
    assert "by-the-cli" in output

    (cli.folder / "app" / "main.py").write_text("async def app(scope, receive, send): return\n", "utf-8")
    code, output = cli.run("update", item_hash, "app")
    assert code == 0, output
    assert client.get(f"/api/v0/storage/by-ref/{store}")["file_hash"] != before

    code, output = cli.run("delete", item_hash, "--reason", "test")
    assert code == 0, output
    assert client.status(item_hash) == "forgotten"


def test_what_is_larger_than_4_mib_goes_by_ipfs(cli: Cli, client: Client) -> None:
    (cli.folder / "app" / "data").write_bytes(os.urandom(6 * 1024 * 1024))
    code, output = cli.create("large")
    assert code == 0, output
    query = {"msgTypes": "PROGRAM", "owners": cli.account.address, "pagination": 1}
    program = client.get("/api/v0/messages.json", **query)["messages"][0]
    assert program["content"]["metadata"]["name"] == "large"
    stored = client.message(program["content"]["code"]["ref"])["message"]["content"]
    assert (stored["item_type"], stored["item_hash"][:2]) == ("ipfs", "Qm")


def test_what_the_network_rejects_is_rejected(cli: Cli, folder: Path, node: RunningNode) -> None:
    poor = Cli(folder, node.url, "poor")
    code, output = poor.create("too-dear")
    assert code == 1
    assert "402" in output
    code, output = cli.create("persistent", "--persistent")
    assert code == 1
    assert "202" in output
