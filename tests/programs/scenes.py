"""Commands on an owner's program, and what the owner has afterwards: for faults, cuts and overlaps."""

from __future__ import annotations

import contextlib
import copy
import itertools
import shutil
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hatch_aleph.deploy.apply import Deployer
from hatch_aleph.deploy.deployment import Deployment
from hatch_aleph.deploy.health import Health
from hatch_aleph.deploy.rollback import roll_back
from hatch_aleph.deploy.session import Session
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.client import NodeClient
from hatch_aleph.programs import volumes
from hatch_aleph.programs.creation import checked, create
from hatch_aleph.programs.removal import delete
from hatch_aleph.programs.replacement import set_persistent
from hatch_aleph.programs.revision import update
from hatch_aleph.settings import HealthCheck
from tests.clock import brief, hurried
from tests.deploy.rig import NodeHost, RunningNode, make_artifact
from tests.programs.rig import random_key, write_app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_aleph.artifact import Artifact

_numbers = itertools.count()
_keys = itertools.count(500_000)


class Killed(BaseException):
    """What no handler of ours catches, as a killed process runs none."""


class Scene:
    """An owner with a program and a project, and one command on them.

    Attributes:
        program: Item hash of the program, once it is prepared.
    """

    def __init__(self, node: RunningNode, folder: Path) -> None:
        self.node = node
        self.key = random_key(next(_keys))
        self.account = account_from_key(self.key, "ETH")
        node.faucet(self.account.address, credits=10**9)
        self.number = next(_numbers)
        self.folder = folder / str(self.number)
        self.app = write_app(self.folder / "app", f"one {self.number}")
        self.host = NodeHost(node)
        self.settings = checked({"entrypoint": "main:app", "name": "app", "updatable": True})

    def session(self, client: NodeClient, host: Callable[..., Any], state: str = "state", **parts: Any) -> Session:
        """Return a session that asks what it has published; a host that is named starts persistent programs, too."""
        health = parts.pop("health", None) or hurried(host)
        return Session(
            client, self.account, self.folder / state, patience=600, health=health,
            check=HealthCheck(timeout_seconds=20),
            host=self.node.url, **parts,
        )  # fmt: skip

    def artifact(self, release: int) -> Artifact:
        """Return the project's artifact of a release, whose bytes no node has seen before it."""
        of = f"{release} of {self.number}".encode()
        return make_artifact(self.folder / "dist", version=f"{release}.0", code=b"code " + of, packages=b"p " + of)

    def target(self, session: Session, artifact: Artifact) -> Deployment:
        return Deployment.of(artifact.manifest, session.client, self.account.address, self.node.url)

    def prepare(self, command: Command) -> None:
        """Do what has to be there before a command: two releases of the project, or the program."""
        with NodeClient([self.node.url], sleep=brief) as client:
            session = self.session(client, self.host)
            if command in (deploying, rolling_back):
                for release in (1, 2):
                    deploy(self, session, release)
            elif command not in (creating, deploying_first, publishing_a_volume):
                settings = replace(self.settings, persistent=command is unpersisting)
                self.program = create(session, self.app, settings, scan=False).item_hash
        write_app(self.app, f"two {self.number}")

    def run(self, command: Command, client: NodeClient, host: Callable[..., Any], **parts: Any) -> object:
        with contextlib.suppress(Killed):
            return command(self, self.session(client, host, **parts))
        return None

    def outcome(self) -> tuple[Counter[str], Counter[str]]:
        """Return how many messages of each type were sent, and how many of them are live."""
        sent = self.node.messages(self.account.address)
        live = Counter(each["type"] for each in sent if each["status"] == "processed" and each["type"] != "FORGET")
        return Counter(each["type"] for each in sent), live

    def live_programs(self) -> list[str]:
        found = self.node.messages(self.account.address)
        return [each["item_hash"] for each in found if each["type"] == "PROGRAM" and each["status"] == "processed"]

    def answers(self, item_hash: str) -> bool:
        return bool(self.host(f"{self.node.url}/vm/{item_hash}/", timeout=10).status == 200)


class Stage:
    """A node and an owner as one command finds them, set again for each run of it: preparing them takes longer.

    Each setting takes back all that the node was sent since the first.
    """

    def __init__(self, node: RunningNode, folder: Path, command: Command) -> None:
        self._first = Scene(node, folder)
        self._first.prepare(command)
        self._kept = folder / f"kept {self._first.number}"
        self._now = ((node.folder, self._kept / "node"), (self._first.folder, self._kept / "owner"))
        node.stop()
        for there, kept in self._now:
            shutil.copytree(there, kept)
        node.start()

    def set(self) -> Scene:
        node = self._first.node
        node.stop()
        for there, kept in self._now:
            shutil.rmtree(there)
            shutil.copytree(kept, there)
        node.start()
        scene = copy.copy(self._first)
        scene.account = account_from_key(self._first.key, "ETH")  # which knows of no file that it was searched
        scene.host = NodeHost(node)
        return scene


def creating(scene: Scene, session: Session) -> object:
    return create(session, scene.app, scene.settings, scan=False)


def amending(scene: Scene, session: Session) -> object:
    return update(session, scene.program, scene.app, {}, scan=False)


def replacing(scene: Scene, session: Session) -> object:
    return update(session, scene.program, scene.app, {"internet": True}, replace=True, scan=False)


def persisting(scene: Scene, session: Session) -> object:
    return set_persistent(session, scene.program, persistent=True)


def unpersisting(scene: Scene, session: Session) -> object:
    return set_persistent(session, scene.program, persistent=False)


def deleting(scene: Scene, session: Session) -> object:
    return delete(session, scene.program)


def publishing_a_volume(scene: Scene, session: Session) -> object:
    return volumes.publish(session, scene.app, name="data")


def deploy(scene: Scene, session: Session, release: int) -> object:
    artifact = scene.artifact(release)
    return Deployer(scene.target(session, artifact), session, health=session.health or Health()).deploy(artifact)


def deploying_first(scene: Scene, session: Session) -> object:
    return deploy(scene, session, 1)


def deploying(scene: Scene, session: Session) -> object:
    return deploy(scene, session, 3)


def rolling_back(scene: Scene, session: Session) -> object:
    target = scene.target(session, scene.artifact(2))
    return roll_back(target, session, session.health or Health(), session.check)


if TYPE_CHECKING:
    Command = Callable[[Scene, Session], object]
COMMANDS: tuple[Command, ...] = (
    creating, amending, replacing, persisting, unpersisting, deleting, publishing_a_volume, deploying_first, deploying,
    rolling_back,
)  # fmt: skip
