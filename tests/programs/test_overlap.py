"""Two machines run a command on one program at the same time: one ends well, nothing is lost, and nothing is silent."""

from __future__ import annotations

import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.deploy.health import Health
from hatch_aleph.errors import HealthError, PlanError, RejectedError
from hatch_aleph.network.client import NodeClient
from tests.clock import brief
from tests.deploy.rig import RunningNode
from tests.programs.rig import write_app
from tests.programs.scenes import (
    Killed,
    Scene,
    Stage,
    amending,
    creating,
    deleting,
    persisting,
    replacing,
    unpersisting,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_aleph.deploy.session import Session

    Command = Callable[[Scene, Session], object]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("node"), retry_scale=0.001)
    yield running
    running.stop()


def attempt(scene: Scene, command: Command, state: str, before: Callable[[int], None] = lambda _number: None) -> str:
    """Run a command on a machine of its own, calling something before each request; return how it ended."""
    with NodeClient([scene.node.url], sleep=brief) as client:
        ask, count = client._nodes.ask, [0]

        def asking(*arguments: Any, **options: Any) -> Any:
            count[0] += 1
            before(count[0])
            return ask(*arguments, **options)

        client._nodes.ask = asking  # type: ignore[method-assign]
        try:
            command(scene, scene.session(client, scene.host, state))
        except (PlanError, RejectedError, HealthError) as error:
            return re.sub(r" within .*| by .*| ?[0-9a-f]{64}|\n.*", "", error.message)
    return "done"


def test_a_successor_that_another_machine_published_is_never_forgotten_for_it(node, tmp_path):
    scene = Scene(node, tmp_path)
    scene.prepare(persisting)

    def cut_off(_url: str, *, timeout: float) -> Any:
        raise Killed

    def silent(_url: str, *, timeout: float) -> Any:
        raise OSError("nothing answers")

    with NodeClient([node.url], sleep=brief) as client:
        scene.run(persisting, client, cut_off, state="other machine")
        before = sorted(scene.live_programs())
        assert len(before) == 2
        now = iter(range(0, 10**6, 30))
        health = Health(silent, sleep=lambda _seconds: None, monotonic=lambda: next(now))
        session = scene.session(client, scene.host, health=health)
        with pytest.raises(HealthError) as raised:
            persisting(scene, session)
    assert "Another machine has published it" in str(raised.value.hint)
    assert sorted(scene.live_programs()) == before


PAIRS = [
    (creating, creating),
    (amending, amending),
    (amending, persisting),
    (amending, deleting),
    (replacing, replacing),
    (replacing, persisting),
    (replacing, deleting),
    (persisting, persisting),
    (persisting, deleting),
    (persisting, amending),
    (unpersisting, unpersisting),
    (unpersisting, amending),
    (amending, unpersisting),
    (unpersisting, deleting),
    (deleting, unpersisting),
    (deleting, deleting),
    (deleting, persisting),
    (deleting, amending),
]


# A few points by default: with all of them (nox -s crash) it takes minutes.
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 6])
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda each: each.__name__)
def test_wherever_another_machine_comes_in_between(node, tmp_path, capsys, ours, theirs, step):
    told: Counter[str] = Counter()
    stage = Stage(node, tmp_path, theirs if theirs is unpersisting else ours)
    usual, numbers = stage.set(), []
    assert attempt(usual, ours, "state", numbers.append) == "done"
    for at in range(2, len(numbers) + 1, step):
        scene, ends = stage.set(), []

        def between(number: int) -> None:
            if number == at and not ends:  # noqa: B023 - called in this round
                write_app(scene.app, f"theirs {scene.number}")  # noqa: B023
                ends.append(attempt(scene, theirs, "other machine"))  # noqa: B023

        ours_ended = attempt(scene, ours, "state", between)
        if not ends:
            continue  # its last requests are made only now and then
        told[f"{ours_ended} / {ends[0]}"] += 1
        where = f"overtaken before request {at} of {len(numbers)}: {ours_ended} / {ends[0]}"
        live = scene.live_programs()
        assert "done" in (ours_ended, ends[0]) or "the new program is live" in f"{ours_ended} {ends[0]}", where
        assert all(scene.answers(program) for program in live), where
        if ours is creating:
            assert len(live) == 2, where  # two programs: nothing says that they are one
        elif deleting in (ours, theirs):
            assert len(live) <= 1, where
        else:
            assert len(live) == 1, where
    with capsys.disabled():
        sys.stdout.write(f"\n{ours.__name__}, {theirs.__name__} at {told.total()} of {len(numbers)} requests: ")
        sys.stdout.write(", ".join(f"{text} ({count})" for text, count in told.most_common()) + "\n")
