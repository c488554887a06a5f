"""Faults of a node while a command is under way: it loses what it acknowledged, is late, restarts."""

from __future__ import annotations

import gc
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.deploy.health import Health
from hatch_aleph.errors import NetworkError
from hatch_aleph.local.node import Lateness
from hatch_aleph.network.client import NodeClient
from hatch_aleph.observer import Observer
from tests.clock import Clock
from tests.deploy.rig import RunningNode
from tests.programs.scenes import COMMANDS, Scene, Stage, amending, creating, deploying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_aleph.deploy.session import Session

PROMPT, LOSING = Lateness(unseen=0.02, pending=0.02), Lateness(unseen=0.02, pending=0.02, loss=1.0)


class Timed(Clock):
    """A clock with something that is to happen at a moment of it."""

    def __init__(self) -> None:
        super().__init__()
        self.due: tuple[float, Callable[[], None]] | None = None
        self.lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        with self.lock:  # requests are made side by side: nobody's time goes on while something happens
            super().sleep(seconds)
            if self.due and self.now >= self.due[0]:
                (_, happen), self.due = self.due, None
                happen()


class Steps(Observer):
    """Counts how often a step was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def step(self, name: str, **_details: Any) -> None:
        self.told.append(name)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("node"), retry_scale=0.001, sync_seconds=0.1)
    yield running
    running.stop()


@pytest.fixture
def late(node: RunningNode) -> Iterator[Callable[[Lateness | None], None]]:
    """Set how late the node is from now on; it is at once again after the test."""

    def set_lateness(lateness: Lateness | None) -> None:
        node.inside(lambda inner: setattr(inner.intake, "lateness", lateness))

    yield set_lateness
    set_lateness(None)


class Disturbed:
    """A run of a command on a node to which something happens before some of its requests.

    Attributes:
        requests: Method and path of each request to the node so far.
        clock: The time that has passed for the command.
        steps: What it told.
    """

    def __init__(
        self,
        before: Callable[[Disturbed], None] = lambda _run: None,
        notice: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.requests: list[tuple[str, str]] = []
        self.clock, self.steps = Timed(), Steps()
        self._before = before
        self._notice = notice

    def __call__(self, scene: Scene, command: Callable[[Scene, Session], object]) -> Disturbed:
        with NodeClient([scene.node.url], sleep=self.clock.sleep, monotonic=self.clock.monotonic) as client:
            send = client._nodes._connections.send

            def sending(method: str, url: str, **options: Any) -> Any:
                self.requests.append((method, url))
                self._before(self)
                return send(method, url, **options)

            client._nodes._connections.send = sending  # type: ignore[method-assign]
            health = Health(scene.host, sleep=self.clock.sleep, monotonic=self.clock.monotonic)
            command(scene, scene.session(client, scene.host, health=health, observer=self.steps, notice=self._notice))
        return self

    @property
    def publishes(self) -> bool:
        """Whether the request that is about to be made sends a message."""
        method, url = self.requests[-1]
        return method == "POST" and url.endswith(("/messages", "/add_file"))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_each_message_that_is_acknowledged_and_lost_is_sent_again(node, tmp_path, late, command):
    stage = Stage(node, tmp_path, command)
    usual = stage.set()
    sent = sum(kind == "POST" and "estimate" not in url for kind, url in Disturbed()(usual, command).requests)
    assert sent
    outcome = usual.outcome()
    for lost in range(sent):
        scene, posts = stage.set(), iter(range(1000))

        def before(run: Disturbed, lost: int = lost, posts: Iterator[int] = posts) -> None:
            if run.publishes:
                late(LOSING if next(posts) == lost else PROMPT)

        run = Disturbed(before)(scene, command)
        late(None)
        assert scene.outcome() == outcome, f"message {lost} of {sent} was lost"
        assert run.steps.told.count("lost") == 1
        assert 30 <= run.clock.now < 90


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_message_that_is_unknown_for_a_moment_and_then_pending_is_waited_for(node, tmp_path, late, command):
    usual, scene = Scene(node, tmp_path), Scene(node, tmp_path)
    usual.prepare(command)
    Disturbed()(usual, command)
    scene.prepare(command)
    late(Lateness(unseen=0.1, pending=0.1))
    run = Disturbed()(scene, command)
    assert scene.outcome() == usual.outcome()
    assert "lost" not in run.steps.told


# A few points by default: with all of them (nox -s crash) it takes minutes.
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 7])
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # who is stopped closes no connection
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_node_that_restarts_for_twenty_seconds_ends_nothing(node, tmp_path, capsys, command, step):
    stage = Stage(node, tmp_path, command)
    usual = stage.set()
    total = len(Disturbed()(usual, command).requests)
    outcome = usual.outcome()
    points = range(1, total, step)  # of a node that never answered nobody knows that it is one
    for point in points:
        scene, stopped = stage.set(), []

        def before(run: Disturbed, point: int = point, stopped: list[bool] = stopped) -> None:
            if len(run.requests) == point + 1 and not stopped:
                stopped.append(True)
                with run.clock.lock:
                    node.stop()
                    run.clock.due = run.clock.now + 20, node.start

        try:
            Disturbed(before)(scene, command)
        finally:
            if stopped and not node.is_running:
                node.start()
        assert stopped
        assert scene.outcome() == outcome, f"stopped before request {point} of {total}"
    gc.collect()  # here, where it is expected
    with capsys.disabled():
        sys.stdout.write(f"\n{command.__name__}: the node restarted at {len(points)} of {total} requests\n")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
@pytest.mark.parametrize("command", [amending, deploying], ids=lambda command: command.__name__)
def test_a_node_that_is_not_there_at_all_is_told_within_seconds(node, tmp_path, command):
    scene = Scene(node, tmp_path)
    scene.prepare(command)
    run = Disturbed()
    node.stop()
    try:
        with pytest.raises(NetworkError):
            run(scene, command)
    finally:
        node.start()
    gc.collect()
    assert run.clock.now < 5


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
@pytest.mark.parametrize(
    ("end", "command"),
    [*((NetworkError, each) for each in COMMANDS), (KeyboardInterrupt, creating), (KeyboardInterrupt, deploying)],
    ids=lambda each: each.__name__,
)
def test_whatever_ends_a_command_says_what_is_kept_once_something_was_sent(node, tmp_path, command, end):
    for sent in (False, True):  # ended at its second request, and when it asks about its first message
        scene, told = Scene(node, tmp_path), []
        scene.prepare(command)

        def before(run: Disturbed, sent: bool = sent) -> None:
            published = any(method == "POST" and "estimate" not in url for method, url in run.requests)
            if (published and run.requests[-1][0] == "GET") if sent else len(run.requests) > 1:
                raise end("it is over")

        with pytest.raises(end) as caught:
            Disturbed(before, told.append)(scene, command)
        words = " ".join([*told, str(getattr(caught.value, "hint", ""))])
        assert ("the same command goes on from there" in words) is sent, words
    gc.collect()
