"""Two machines deploy one project at the same time: each interleaving ends in one release, or says what to do."""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.deploy.cleanup import find_waste, prune
from hatch_aleph.deploy.health import Health
from hatch_aleph.deploy.overlap import YOUNG
from hatch_aleph.deploy.status import read_status
from hatch_aleph.errors import HealthError, PlanError, RejectedError
from hatch_aleph.network.client import NodeClient
from hatch_aleph.settings import HealthCheck
from tests.clock import brief, hurried
from tests.deploy.conftest import new_account, through, with_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.deploy.apply import Deployer
    from tests.deploy.conftest import Rig


class Paused(NodeClient):
    """The client of a machine that is slow: something happens before one of its calls."""

    def __init__(self, url: str, method: str, number: int, then: Callable[[], Any]) -> None:
        super().__init__([url])
        calls = itertools.count(1)
        call = getattr(self, method)

        def paused(*arguments: Any, **options: Any) -> Any:
            if next(calls) == number:
                then()
            return call(*arguments, **options)

        setattr(self, method, paused)


@pytest.fixture
def slow(rig: Rig) -> Iterator[Callable[..., Deployer]]:
    """Give a deployer on another machine, and what happens before the so-many-th call of a method of its client."""
    with ExitStack() as stack:

        def make(artifact: Artifact, method: str, number: int, then: Callable[[], Any]) -> Deployer:
            client = stack.enter_context(Paused(rig.node.url, method, number, then))
            deployer = rig.deployer(artifact, state="slow-machine")
            return through(deployer, client)

        yield make


def live(rig: Rig, artifact: Artifact) -> dict[str, Any]:
    """Return which program is live, and whose contents it has."""
    state = rig.target(artifact).state()
    (program,) = state.programs
    return {
        role: volume.current.file_hash
        for role, mount in (("code", "/opt/code"), ("packages", "/opt/packages"))
        if (volume := state.volume_of(program, role, mount))
    }


def files(artifact: Artifact) -> dict[str, str]:
    return {image.role: image.sha256 for image in artifact.manifest.images}


def release(rig: Rig, number: int, **parts: Any) -> Artifact:
    """Return an artifact whose bytes no node has seen."""
    of = f"{number} of {rig.account.address}".encode()
    return rig.artifact(version=f"{number}.0", code=b"code " + of, packages=b"packages " + of, **parts)


def test_the_second_to_create_sees_the_first_one_and_updates_it_on_its_next_run(rig: Rig, slow: Any) -> None:
    ours, theirs = release(rig, 1), release(rig, 2)
    with pytest.raises(PlanError, match="Another machine has published this project") as raised:
        slow(ours, "wait", 1, lambda: rig.deploy(theirs)).deploy(ours)
    assert "Run the command again" in str(raised.value.hint)
    (program,) = rig.target(ours).state().programs
    again = rig.deployer(ours, state="slow-machine").deploy(ours)
    assert again.item_hash == program.item_hash
    assert live(rig, ours) == files(ours)
    # The volumes of the run that gave way are waste.
    prune(*rig.opened(ours), hurried(rig.host), HealthCheck())
    assert len(rig.target(ours).state().volumes) == 2


class CutOffError(Exception):
    """What ends a run as the end of its machine would: nothing of it is undone."""


def cut_off_before_the_answer(_url: str, *, timeout: float) -> Any:
    raise CutOffError


def test_of_two_that_create_at_once_the_later_gives_way_at_the_end(rig: Rig, slow: Any) -> None:
    ours, theirs = release(rig, 1), release(rig, 2)
    # Between our last look and our program: neither sees the other's in time.
    with pytest.raises(PlanError, match="at the same time, a moment earlier") as raised:
        slow(ours, "publish", 1, lambda: rig.deploy(theirs)).deploy(ours)
    assert "Run the command again" in str(raised.value.hint)
    state = rig.target(ours).state()
    assert [program.item_hash for program in state.programs] == [raised.value.where]
    assert live(rig, theirs) == files(theirs)
    assert len(state.volumes) == 2  # ours went with our program
    rig.deployer(ours, state="slow-machine").deploy(ours)
    assert live(rig, ours) == files(ours)


def test_the_earlier_of_two_leaves_it_to_the_later_to_give_way(rig: Rig) -> None:
    ours, theirs = release(rig, 1), release(rig, 2)
    unsent: list[Any] = []

    def held_back(message: Any) -> None:
        unsent.append(message)
        raise CutOffError

    with NodeClient([rig.node.url], sleep=brief) as client:
        client.publish = held_back  # type: ignore[method-assign]
        deployer = through(rig.deployer(theirs, state="slow-machine"), client)
        with pytest.raises(CutOffError):
            deployer.deploy(theirs)

    def at_once(url: str, *, timeout: float) -> Any:
        """Let the other machine's program come between our program and our last look."""
        while unsent:
            rig.client.publish(unsent.pop())
        return rig.host(url, timeout=timeout)

    done = replace(rig.deployer(ours), health=hurried(at_once)).deploy(ours)
    state = rig.target(ours).state()
    assert len(state.programs) == 2  # the other machine, which was cut off here, would give way
    assert done.item_hash in [program.item_hash for program in state.programs]


def two_programs(rig: Rig, slow: Any) -> tuple[Artifact, Artifact]:
    """Create on two machines at once, one of which ends before it looks once more."""
    ours, theirs = release(rig, 1), release(rig, 2)
    deployer = replace(slow(ours, "publish", 1, lambda: rig.deploy(theirs)), health=Health(cut_off_before_the_answer))
    with pytest.raises(CutOffError):
        deployer.deploy(ours)
    assert len(rig.target(ours).state().programs) == 2
    return ours, theirs


def test_two_programs_are_told_by_plan_and_status_and_the_next_deployment_leaves_one(rig: Rig, slow: Any) -> None:
    ours, theirs = two_programs(rig, slow)
    newest, older = rig.target(ours).state().programs
    status = read_status(rig.target(ours), hurried(rig.host), HealthCheck())
    assert status.superseded == (older.item_hash,)
    assert "2 programs carry its tag" in status.trouble[-1]
    for artifact in (ours, theirs):
        plan = rig.target(artifact).plan(artifact.manifest)
        kept = plan.program.item_hash
        assert plan.program.action == "unchanged"
        assert {kept, *plan.forget} == {newest.item_hash, older.item_hash}
        warning = next(text for text in plan.warnings if "2 programs carry this tag" in text)
        assert f"{kept} is kept" in warning
        assert f"{plan.forget[0]} is forgotten" in warning
    rig.deploy(theirs)
    assert live(rig, theirs) == files(theirs)
    assert read_status(rig.target(ours), hurried(rig.host), HealthCheck()).trouble == ()


def test_prune_leaves_the_newest_of_two_programs_if_it_answers(rig: Rig, slow: Any) -> None:
    ours, _ = two_programs(rig, slow)
    target = rig.target(ours)
    newest, older = target.state().programs
    code = target.state().volume_of(newest, "code", "/opt/code")
    assert code is not None
    rig.host.broken.add(code.current.file_hash)
    assert prune(*rig.opened(ours), hurried(rig.host), HealthCheck()) == ()
    rig.host.broken.clear()
    gone = prune(*rig.opened(ours), hurried(rig.host), HealthCheck())
    assert sorted(waste.role for waste in gone) == ["code", "packages", "program"]
    assert older.item_hash in [waste.item_hash for waste in gone]
    state = target.state()
    assert [program.item_hash for program in state.programs] == [newest.item_hash]
    assert find_waste(state) == ()


def test_of_two_updates_the_newer_code_stays_and_the_older_gives_way(rig: Rig, slow: Any) -> None:
    rig.deploy(release(rig, 1))
    ours, theirs = release(rig, 2), release(rig, 3)
    # Packages and code of ours, packages and code of theirs.
    with pytest.raises(PlanError, match="its code is the newer") as raised:
        slow(ours, "wait", 2, lambda: rig.deploy(theirs)).deploy(ours)
    assert "deploy again if yours is to run" in str(raised.value.hint)
    assert live(rig, theirs) == files(theirs)
    assert rig.deployer(ours, state="slow-machine").deploy(ours).sent
    assert live(rig, ours) == files(ours)


def test_mixed_updates_are_completed_by_whose_code_is_the_newest(rig: Rig, slow: Any) -> None:
    first = rig.deploy(release(rig, 1))
    ours, theirs = release(rig, 2), release(rig, 3)
    # Packages of ours, packages and code of theirs, code of ours: left alone, our code on their packages.
    outcome = slow(ours, "wait", 1, lambda: rig.deploy(theirs)).deploy(ours)
    assert outcome.item_hash == first.item_hash
    assert [type_ for type_, _ in outcome.sent] == ["STORE", "STORE", "STORE"]
    assert live(rig, ours) == files(ours)


def test_the_same_update_from_two_machines_is_done_by_both(rig: Rig, slow: Any) -> None:
    rig.deploy(release(rig, 1))
    for number in (2, 3):
        both = release(rig, number)
        slow(both, "wait", number - 1, lambda: rig.deploy(both)).deploy(both)  # noqa: B023 - called in this round
        assert live(rig, both) == files(both)
        assert not rig.deploy(both).plan.has_changes


def test_an_update_that_does_not_answer_never_undoes_what_another_machine_published(rig: Rig) -> None:
    rig.deploy(release(rig, 1))
    ours = release(rig, 2, settings={"health": {"timeout-seconds": 1}})
    theirs = release(rig, 3)
    rig.host.broken.add(files(ours)["code"])
    deployed: list[Any] = []

    def overtaken(url: str, *, timeout: float) -> Any:
        if not deployed:
            deployed.append(rig.deploy(theirs))
        return rig.host(url, timeout=timeout)

    deployer = replace(rig.deployer(ours, state="slow-machine"), health=hurried(overtaken))
    with pytest.raises(HealthError) as raised:
        deployer.deploy(ours)
    assert "Another machine has deployed meanwhile" in str(raised.value.hint)
    assert live(rig, theirs) == files(theirs)


def test_an_update_of_a_program_that_another_machine_replaces(rig: Rig, slow: Any) -> None:
    rig.deploy(release(rig, 1))
    ours = release(rig, 2, settings={"health": {"timeout-seconds": 1}})
    theirs = release(rig, 3, variables={"A": "1"})
    with pytest.raises(HealthError) as raised:
        slow(ours, "wait", 1, lambda: rig.deploy(theirs)).deploy(ours)
    assert "taken it away meanwhile" in str(raised.value.hint)
    assert live(rig, theirs) == files(theirs)


def test_two_replacements_at_once_forget_the_old_program_once(rig: Rig, slow: Any) -> None:
    rig.deploy(release(rig, 1))
    ours, theirs = (release(rig, number, variables={"A": str(number)}) for number in (2, 3))
    deployer = replace(slow(ours, "publish", 1, lambda: rig.deploy(theirs)), health=Health(cut_off_before_the_answer))
    with pytest.raises(CutOffError):
        deployer.deploy(ours)
    assert rig.count()["PROGRAM"] == 3
    assert len(rig.target(ours).state().programs) == 2
    # Nobody goes back to the older one while the newer may be about to take over, but who published that.
    with pytest.raises(PlanError, match="may not be done yet") as raised:
        rig.deployer(ours, state="third-machine").deploy(ours)
    assert "`hatch-aleph prune` leaves the newest" in str(raised.value.hint)
    rig.deploy(ours)
    assert live(rig, ours) == files(ours)


class Overtaken(NodeClient):
    """A client before whose so-many-th request something happens."""

    def __init__(self, url: str, at: int, then: Callable[[], Any]) -> None:
        super().__init__([url])
        self.count = 0
        ask = self._nodes.ask

        def asking(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == at:
                then()
            return ask(*arguments, **options)

        self._nodes.ask = asking  # type: ignore[method-assign]


# A few points by default, every one by `nox -s crash`.
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 17])
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", ["create", "update", "replace", "both ways"])
def test_wherever_another_machine_deploys_in_between_the_next_run_ends_as_ever(
    rig: Rig, scenario: str, step: int, capsys: pytest.CaptureFixture[str]
) -> None:
    told: Counter[str] = Counter()
    at, requests = 1, 1
    while at <= requests:
        rig.account = new_account(rig.node)
        if scenario != "create":
            rig.deploy(release(rig, 1))
        fields: list[dict[str, Any]] = [{}, {}]
        if scenario in ("replace", "both ways"):
            fields = [{"variables": {"A": "ours"}}, {"variables": {"A": "theirs"}} if scenario == "replace" else {}]
        quick = {"settings": {"health": {"timeout-seconds": 1}}}
        ours, theirs = release(rig, 2, **fields[0], **quick), release(rig, 3, **fields[1], **quick)

        def between() -> None:
            # The other machine may see that ours is about to take over, and give way.
            with suppress(PlanError):
                rig.deploy(theirs)  # noqa: B023 - called in this round

        with Overtaken(rig.node.url, at, between) as client:
            deployer = rig.deployer(ours, state="slow-machine")
            try:
                through(deployer, client).deploy(ours)
                end = "done"
            except (PlanError, HealthError, RejectedError) as error:
                end = error.message.split(":")[0].split(" by ")[0]
            told[end] += 1
            requests = max(requests, client.count)
        state = rig.target(ours).state()
        # Whatever is live answers: nothing points at what is absent, and nothing went without its successor.
        assert state.programs
        for program in state.programs:
            assert rig.host(f"{rig.node.url}/vm/{program.item_hash}/", timeout=10).status == 200
        later = time.time() + YOUNG
        with_clock(rig.deployer(ours, state="slow-machine"), lambda: later).deploy(ours)  # noqa: B023 - as above
        assert live(rig, ours) == files(ours), f"overtaken before request {at} of {requests}"
        assert not rig.target(ours).plan(ours.manifest).has_changes
        at += step
    with capsys.disabled():
        outcomes = ", ".join(f"{text} ({count})" for text, count in told.most_common())
        sys.stdout.write(f"\n{scenario}: overtaken at {told.total()} of {requests} requests: {outcomes}\n")
