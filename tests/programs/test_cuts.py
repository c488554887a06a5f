"""Cut a command off at each of its requests, run it again, and find the same as if nothing had happened."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.errors import PlanError
from hatch_aleph.network.client import NodeClient
from tests.clock import brief
from tests.deploy.rig import NodeHost, RunningNode
from tests.programs.scenes import (
    Killed,
    Scene,
    amending,
    creating,
    deleting,
    persisting,
    replacing,
    unpersisting,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
    running = RunningNode(tmp_path_factory.mktemp("node"), retry_scale=0.001)
    yield running
    running.stop()


def run(scene: Scene, command: Callable[..., object], cut: int | None = None, *, after: bool = False) -> int:
    """Run a command, cut off at a request, and return how many it made."""
    with NodeClient([scene.node.url], sleep=brief) as client:
        wire = Wire(client, scene.host, cut, after=after)
        scene.run(command, client, wire.host)
        return wire.count


# A few points by default: with all of them (nox -s crash) it takes minutes.
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 9])
@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # who is killed closes no connection
@pytest.mark.parametrize("command", [creating, amending, replacing, persisting, unpersisting, deleting])
def test_wherever_it_is_cut_off_the_next_run_finishes_it(node, tmp_path, capsys, command, step):
    def scene() -> Scene:
        made = Scene(node, tmp_path)
        made.prepare(command)
        return made

    undisturbed = scene()
    asked = len(undisturbed.host.asked)
    requests = run(undisturbed, command)
    assert command is deleting or len(undisturbed.host.asked) > asked  # success is what was seen
    expected = undisturbed.outcome()
    points = [(cut, after) for cut in range(requests) for after in (False, True)][::step]
    for cut, after in points:
        cut_off = scene()
        run(cut_off, command, cut, after=after)
        # A run that was cut off after its last message finds nothing left to do, and says so.
        with contextlib.suppress(PlanError):
            if command is not creating or cut_off.outcome() != expected:
                run(cut_off, command)
        assert cut_off.outcome() == expected, f"cut {'after' if after else 'before'} request {cut} of {requests}"
    with capsys.disabled():
        sys.stdout.write(f"\n{command.__name__}: cut at {len(points)} points of {requests} requests\n")
