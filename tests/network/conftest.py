from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.keys import Key
from tests.network.scripted import ScriptedNode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_aleph.network.accounts import Account


@pytest.fixture(scope="session")
def account() -> Account:
    return account_from_key(Key(bytes(range(1, 33)), "test"), "ETH")


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    scripted = ScriptedNode()
    yield scripted
    scripted.stop()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(node: ScriptedNode, pauses: list[float]) -> Iterator[NodeClient]:
    with NodeClient([node.url], sleep=pauses.append) as client:
        yield client
