from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_aleph.deploy.session import Session
from hatch_aleph.network.client import NodeClient
from tests.clock import brief
from tests.programs.rig import RunningNetwork, write_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hatch_aleph.network.accounts import Account


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    running = RunningNetwork(tmp_path_factory.mktemp("network"))
    yield running
    running.stop()


@pytest.fixture
def account(network: RunningNetwork) -> Account:
    return network.new_account()


@pytest.fixture
def client(network: RunningNetwork) -> Iterator[NodeClient]:
    with NodeClient([network.url], sleep=brief) as client:
        yield client


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def session(client: NodeClient, account: Account, tmp_path: Path, notices: list[str]) -> Session:
    return Session(client, account, tmp_path / "state", notice=notices.append, patience=30)


@pytest.fixture
def app(tmp_path: Path) -> Callable[..., Path]:
    """Write the app's folder; again with another answer to change it."""
    return lambda answer="hello", **options: write_app(tmp_path / "app", answer, **options)
