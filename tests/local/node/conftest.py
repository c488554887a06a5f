"""A node for the tests of this folder, and accounts with and without means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.local.node.support import Account, Client, RunningNode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[Callable[..., RunningNode]]:
    running: list[RunningNode] = []

    def make(name: str = "node", **options: Any) -> RunningNode:
        running.append(RunningNode(tmp_path / name, **options))
        return running[-1]

    yield make
    for node in running:
        node.stop()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """One node for all tests of a module; retries are a thousand times faster."""
    running = RunningNode(tmp_path_factory.mktemp("node"), retry_scale=0.001, sync_seconds=1.0)
    yield running
    running.stop()


@pytest.fixture
def client(node: RunningNode) -> Iterator[Client]:
    asked = Client(node.url)
    yield asked
    asked.http.close()


@pytest.fixture
def rich(client: Client, request: pytest.FixtureRequest) -> Account:
    account = Account(f"rich {request.node.name}")
    client.faucet(account, tokens=100_000)
    return account


@pytest.fixture
def poor(request: pytest.FixtureRequest) -> Account:
    return Account(f"poor {request.node.name}")
