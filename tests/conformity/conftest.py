"""One suite for any node: `pytest tests/conformity --node URL`; without it, an embedded node is made.

Another node needs an account with credits: its faucet is tried, then `ALEPH_PRIVATE_KEY_FILE` (32 bytes, or their hex
digits) is taken; tests that need means are skipped where neither is there.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from hatch_aleph.local.node import Lateness
from tests.conformity.steps import store
from tests.local.node.support import Account, Client, RunningNode

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--node", metavar="URL", help="the node to examine; an embedded one by default")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Examine the node that is given once, the embedded one twice: also when it is as late as a real one."""
    if "url" in metafunc.fixturenames:
        given = metafunc.config.getoption("--node", default=None)
        metafunc.parametrize("url", ["given"] if given else ["at once", "late"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The node to examine."""
    given = request.config.getoption("--node", default=None)
    if given:
        try:
            httpx.get(f"{given.rstrip('/')}/api/v0/messages.json?pagination=1", timeout=10)
        except httpx.HTTPError as error:
            pytest.exit(f"no node answers at {given}: {error}", 1)
        yield given.rstrip("/")
        return
    lateness = Lateness(unseen=0.1, pending=0.1) if request.param == "late" else None
    embedded = RunningNode(tmp_path_factory.mktemp("conformity"), retry_scale=0.01, lateness=lateness)
    yield embedded.url
    embedded.stop()


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    asked = Client(url)
    yield asked
    asked.http.close()


@pytest.fixture(scope="session")
def rich(url: str) -> Account:
    """An account with credits."""
    client, account = Client(url), Account(secrets.token_hex(16))
    body = {"address": account.address, "credits": 10**12, "tokens": 100_000}
    given = client.http.post("/faucet", json=body)
    if given.status_code != 200 and "ALEPH_PRIVATE_KEY_FILE" in os.environ:
        account = Account.from_key(_read_key(Path(os.environ["ALEPH_PRIVATE_KEY_FILE"])))
    balance = client.http.get(f"/api/v0/addresses/{account.address}/balance").json()
    client.http.close()
    if balance.get("credit_balance", 0) < 10_000_000:
        pytest.skip("no faucet, and ALEPH_PRIVATE_KEY_FILE names no account with ten million credits")
    return account


@pytest.fixture(scope="session")
def poor() -> Account:
    """An account with nothing."""
    return Account(secrets.token_hex(16))


@pytest.fixture(scope="session")
def code(url: str, rich: Account) -> Iterator[str]:
    """The item hash of a stored file that programs can use as code and as runtime."""
    client = Client(url)
    yield store(client, rich, secrets.token_bytes(64))
    client.http.close()


def _read_key(path: Path) -> bytes:
    content = path.read_bytes()
    return content if len(content) == 32 else bytes.fromhex(content.decode().strip().removeprefix("0x"))
