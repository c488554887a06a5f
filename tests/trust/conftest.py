from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.errors import HatchAlephError
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.keys import Key
from hatch_aleph.settings import HealthCheck
from tests.build.conftest import compiled, index, runtime, workshop
from tests.clock import hurried
from tests.deploy.conftest import Rig
from tests.deploy.rig import NodeHost, RunningNode
from tests.signing import Signer
from tests.trust.lying_node import Lie, LyingNode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["compiled", "index", "runtime", "workshop"]  # fixtures


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("node"), retry_scale=0.001)
    yield running
    running.stop()


@dataclass
class Scene:
    """An owner with two projects on an honest node, behind one that is about to lie.

    Attributes:
        rig: The owner, who talks to the liar.
        liar: The node.
        owner: The same account, signing by another library.
        stranger: Another account.
        shop: Item hash of the program that commands are about.
        other: Item hash of the owner's other project.
    """

    rig: Rig
    liar: LyingNode
    owner: Signer
    stranger: Signer
    shop: str
    other: str
    forgotten_before: frozenset[str] = frozenset()

    def say(self, lie: Lie) -> None:
        self.liar.lie = lie

    @property
    def target(self) -> Any:
        return self.rig.target(self.rig.artifact())

    def forgotten(self) -> set[str]:
        """Return all that the owner has ever asked the network to forget."""
        forgets = [each for each in self.rig.node.messages(self.owner.address) if each["type"] == "FORGET"]
        return {item_hash for each in forgets for item_hash in each["content"]["hashes"]}

    def message(self, item_hash: str) -> dict[str, Any]:
        found: dict[str, Any] = self.rig.node.get(f"/api/v0/messages/{item_hash}")
        return found

    # What the owner may do.

    def deploy(self, code: bytes = b"code 2") -> Any:
        return self.rig.deploy(self.rig.artifact(code=code, version="2.0"))

    def delete(self) -> Any:
        from hatch_aleph.programs.removal import delete

        return delete(self.rig.session(), self.shop)

    def delete_project(self) -> Any:
        from hatch_aleph.programs.removal import delete_deployment

        return delete_deployment(*self.rig.opened(self.rig.artifact()))

    def prune(self) -> Any:
        from hatch_aleph.deploy.cleanup import prune

        return prune(*self.rig.opened(self.rig.artifact()), hurried(self.rig.host), HealthCheck(timeout_seconds=2))

    def roll_back(self) -> Any:
        from hatch_aleph.deploy.rollback import roll_back

        return roll_back(*self.rig.opened(self.rig.artifact()), hurried(self.rig.host), HealthCheck(timeout_seconds=5))

    def update(self) -> Any:
        from hatch_aleph.programs.revision import update

        folder = self.rig.folder / "update"
        folder.mkdir(exist_ok=True)
        (folder / "main.py").write_text("async def app(scope, receive, send): ...\n", "utf-8")
        return update(self.rig.session("update-state"), self.shop, folder, {})

    def forget_file(self) -> Any:
        from hatch_aleph.records import forget_messages

        code = self.message(self.shop)["message"]["content"]["code"]["ref"]
        return forget_messages(self.rig.session(), [code], reason="test", only="STORE")

    def list(self) -> Any:
        from hatch_aleph.programs.live_programs import list_programs

        return tuple(each for batch in list_programs(self.rig.client, self.owner.address) for each in batch)


COMMANDS: dict[str, Callable[[Scene], Any]] = {
    "deploy": Scene.deploy,
    "delete": Scene.delete,
    "delete project": Scene.delete_project,
    "prune": Scene.prune,
    "rollback": Scene.roll_back,
    "list": Scene.list,
}


def outcome(scene: Scene, command: str) -> str:
    """Do something, and return what the user reads if it fails."""
    try:
        COMMANDS[command](scene)
    except HatchAlephError as error:
        return str(error)
    return ""


@pytest.fixture(scope="session")
def prepared(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Path]:
    """Deploy for an owner what every scene begins with, and keep what node and owner have of it."""
    folder = tmp_path_factory.mktemp("owner")
    owner, stranger = Signer(40), Signer(140)
    account = account_from_key(Key(owner.key, "test"), "ETH")
    assert account.address == owner.address
    node.faucet(owner.address, credits=10**9)
    honest = LyingNode(node.url)
    with NodeClient([honest.url], sleep=lambda _seconds: None) as client:
        rig = Rig(node, account, folder, client, NodeHost(node))
        other = rig.deploy(rig.artifact(name="other", code=b"other code"), rollback=False).item_hash
        rig.deploy(rig.artifact(code=b"code 0", version="0.9"))
        shop = rig.deploy(rig.artifact()).item_hash
    honest.stop()
    scene = Scene(rig, honest, owner, stranger, shop, other)
    scene.forgotten_before = frozenset(scene.forgotten())
    kept = tmp_path_factory.mktemp("kept")
    node.stop()
    shutil.copytree(node.folder, kept / "node")
    node.start()
    shutil.copytree(folder, kept / "owner")
    return scene, kept


@pytest.fixture
def scene(prepared: tuple[Scene, Path], node: RunningNode) -> Iterator[Scene]:
    """Set the scene again, for node and owner as it was prepared: that takes a tenth of three deployments."""
    first, kept = prepared
    node.stop()
    for there, before in ((node.folder, kept / "node"), (first.rig.folder, kept / "owner")):
        shutil.rmtree(there)
        shutil.copytree(before, there)
    node.start()
    liar = LyingNode(node.url)
    with NodeClient([liar.url], sleep=lambda _seconds: None) as client:
        rig = Rig(node, account_from_key(Key(first.owner.key, "test"), "ETH"), first.rig.folder, client, NodeHost(node))
        yield dataclasses.replace(first, rig=rig, liar=liar)
    liar.stop()
