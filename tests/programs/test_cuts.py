"""Cut a command off at each of its requests, run it again, and find the same as if nothing had happened."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.deploy.health import Health, HealthCheck
from hatch_aleph.deploy.session import Session
from hatch_aleph.errors import PlanError
from hatch_aleph.network import NodeClient
from hatch_aleph.programs.creation import checked, create
from hatch_aleph.programs.removal import delete
from hatch_aleph.programs.replacement import set_persistent
from hatch_aleph.programs.revision import update
from tests.deploy.conftest import new_account
from tests.deploy.rig import NodeHost, RunningNode
from tests.programs.rig import write_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_numbers = itertools.count()


class Killed(BaseException):
    """What no handler of ours catches, as a killed process runs none."""


class Wire:
    """Counts requests to node and host, and ends the process at one of them, before or after it was answered."""

    def __init__(self, client: NodeClient, host: NodeHost, cut: int | None = None, *, after: bool = False) -> None:
        self.count = 0
        self._cut = cut
        self._after = after
        client._nodes.ask = self._cutting(client._nodes.ask)  # type: ignore[method-assign]
        self.host = self._cutting(host)

    def _cutting(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        def cutting(*arguments: Any, **options: Any) -> Any:
            number, self.count = self.count, self.count + 1
            if number == self._cut and not self._after:
                raise Killed
            answer = ask(*arguments, **options)
            if number == self._cut:
                raise Killed
            return answer

        return cutting


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("node"), retry_scale=0.01)
    yield running
    running.stop()


class Scene:
    """An owner with a program, and one command on it."""

    def __init__(self, node: RunningNode, folder: Path) -> None:
        self.node = node
        self.account = new_account(node)
        self.folder = folder / str(next(_numbers))
        self.app = write_app(self.folder / "app", "one")
        self.host = NodeHost(node)
        self.settings = checked({"entrypoint": "main:app", "name": "app", "updatable": True})

    def session(self, client: NodeClient, host: Callable[..., Any]) -> Session:
        """Return a session that asks what it has published; a host that is named starts persistent programs, too."""
        health = Health(host, sleep=lambda _seconds: None)
        return Session(
            client, self.account, self.folder / "state", patience=20, health=health, check=HealthCheck(timeout=20),
            host=self.node.url,
        )  # fmt: skip

    def prepare(self) -> None:
        with NodeClient([self.node.url]) as client:
            session = self.session(client, self.host)
            self.program = create(session, self.app, self.settings, scan=False).item_hash
        write_app(self.app, "two")

    def run(self, command: Callable[[Scene, Session], object], cut: int | None = None, *, after: bool = False) -> int:
        with NodeClient([self.node.url]) as client:
            wire = Wire(client, self.host, cut, after=after)
            with contextlib.suppress(Killed):
                command(self, self.session(client, wire.host))
            return wire.count

    def outcome(self) -> tuple[Counter[str], Counter[str]]:
        """Return how many messages of each type were sent, and how many of them are live."""
        sent = self.node.messages(self.account.address)
        live = Counter(each["type"] for each in sent if each["status"] == "processed" and each["type"] != "FORGET")
        return Counter(each["type"] for each in sent), live


def creating(scene: Scene, session: Session) -> object:
    return create(session, scene.app, scene.settings, scan=False)


def amending(scene: Scene, session: Session) -> object:
    return update(session, scene.program, scene.app, {}, scan=False)


def replacing(scene: Scene, session: Session) -> object:
    return update(session, scene.program, scene.app, {"internet": True}, replace=True, scan=False)


def persisting(scene: Scene, session: Session) -> object:
    return set_persistent(session, scene.program, persistent=True)


def deleting(scene: Scene, session: Session) -> object:
    return delete(session, scene.program)


# A few points by default: with all of them (nox -s crash) it takes minutes.
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 9])
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # who is killed closes no connection
@pytest.mark.parametrize("command", [creating, amending, replacing, persisting, deleting])
def test_wherever_it_is_cut_off_the_next_run_finishes_it(node, tmp_path, capsys, command, step):
    def scene() -> Scene:
        made = Scene(node, tmp_path)
        if command is not creating:
            made.prepare()
        return made

    undisturbed = scene()
    asked = len(undisturbed.host.asked)
    requests = undisturbed.run(command)
    assert command is deleting or len(undisturbed.host.asked) > asked  # success is what was seen
    expected = undisturbed.outcome()
    points = [(cut, after) for cut in range(requests) for after in (False, True)][::step]
    for cut, after in points:
        cut_off = scene()
        cut_off.run(command, cut, after=after)
        # A run that was cut off after its last message finds nothing left to do, and says so.
        with contextlib.suppress(PlanError):
            if command is not creating or cut_off.outcome() != expected:
                cut_off.run(command)
        assert cut_off.outcome() == expected, f"cut {'after' if after else 'before'} request {cut} of {requests}"
    with capsys.disabled():
        sys.stdout.write(f"\n{command.__name__}: cut at {len(points)} points of {requests} requests\n")
