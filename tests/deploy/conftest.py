from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.deploy.apply import Deployer, Options, Outcome
from hatch_aleph.deploy.deployment import Deployment
from hatch_aleph.deploy.session import Session
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.client import NodeClient
from tests.clock import brief, hurried
from tests.deploy.rig import NodeHost, RunningNode, make_artifact
from tests.programs.rig import random_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.network.accounts import Account

_seeds = itertools.count(1)


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("node"), retry_scale=0.001)
    yield running
    running.stop()


def new_account(node: RunningNode, amount: int = 10**9) -> Account:
    account = account_from_key(random_key(next(_seeds)), "ETH")
    if amount:
        node.faucet(account.address, credits=amount)
    return account


@pytest.fixture
def account(node: RunningNode) -> Account:
    return new_account(node)


@dataclass
class Rig:
    """One owner on the node, and a project folder of its own."""

    node: RunningNode
    account: Account
    folder: Path
    client: NodeClient
    host: NodeHost
    options: Options = field(default_factory=Options)

    def artifact(self, **parts: Any) -> Artifact:
        return make_artifact(self.folder / "dist", **parts)

    def target(self, artifact: Artifact) -> Deployment:
        return Deployment.of(artifact.manifest, self.client, self.account.address, self.node.url)

    def deployer(self, artifact: Artifact, *, state: str = ".aleph", **options: Any) -> Deployer:
        return Deployer(
            self.target(artifact), self.session(state), replace(self.options, **options), hurried(self.host)
        )

    def session(self, state: str = ".aleph") -> Session:
        return Session(self.client, self.account, self.folder / state, patience=20)

    def opened(self, artifact: Artifact, state: str = ".aleph") -> tuple[Deployment, Session]:
        """Return what commands on what is deployed work with."""
        return replace(self.target(artifact), channel="TEST"), self.session(state)

    def deploy(self, artifact: Artifact, **options: Any) -> Outcome:
        return self.deployer(artifact, **options).deploy(artifact)

    def count(self) -> dict[str, int]:
        """Count the owner's messages by type, whatever their status."""
        counts: dict[str, int] = {}
        for message in self.node.messages(self.account.address):
            counts[message["type"]] = counts.get(message["type"], 0) + 1
        return counts


@pytest.fixture
def rig(node: RunningNode, account: Account, tmp_path: Path) -> Iterator[Rig]:
    with NodeClient([node.url], sleep=brief) as client:
        yield Rig(node, account, tmp_path, client, NodeHost(node))


def through(deployer: Deployer, client: NodeClient) -> Deployer:
    """Return a deployer that talks through another client."""
    return replace(
        deployer,
        deployment=replace(deployer.deployment, client=client),
        session=replace(deployer.session, client=client),
    )


def with_clock(deployer: Deployer, clock: Callable[[], float]) -> Deployer:
    """Return a deployer with another clock."""
    return replace(deployer, session=replace(deployer.session, clock=clock))
