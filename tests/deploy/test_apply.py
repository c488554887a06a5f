from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.errors import HealthError
from hatch_aleph.network.urls import program_urls

if TYPE_CHECKING:
    from hatch_aleph.artifact import Artifact
    from tests.deploy.conftest import Rig


def test_a_first_deployment_pins_creates_and_answers(rig: Rig) -> None:
    outcome = rig.deploy(rig.artifact())
    assert [step.action for step in outcome.plan.images] == ["pin", "pin"]
    assert outcome.plan.program.action == "create"
    assert outcome.urls == program_urls(outcome.item_hash, rig.node.url)
    assert rig.count() == {"STORE": 2, "PROGRAM": 1}


def test_nothing_changed_sends_nothing_also_from_elsewhere(rig: Rig) -> None:
    first = rig.deploy(rig.artifact())
    again = rig.deploy(rig.artifact(), state="another-machine")
    assert not again.plan.has_changes
    assert (again.item_hash, again.sent) == (first.item_hash, ())
    assert rig.count() == {"STORE": 2, "PROGRAM": 1}


def test_changed_code_amends_in_place(rig: Rig) -> None:
    first = rig.deploy(rig.artifact())
    second = rig.deploy(rig.artifact(code=b"code 2"))
    assert [step.action for step in second.plan.images] == ["amend", "unchanged"]
    assert second.item_hash == first.item_hash
    assert rig.count() == {"STORE": 3, "PROGRAM": 1}


def test_other_changes_make_a_new_program_and_forget_the_old_one(rig: Rig) -> None:
    first = rig.deploy(rig.artifact())
    second = rig.deploy(rig.artifact(code=b"code 2", resources={"vcpus": 1, "memory": 1024, "seconds": 30}))
    assert second.plan.program.action == "replace"
    assert [change.path for change in second.plan.program.changes] == ["resources.memory"]
    assert [step.action for step in second.plan.images] == ["pin", "unchanged"]
    assert second.item_hash != first.item_hash
    assert rig.client.status(first.item_hash).value == "forgotten"
    assert rig.count() == {"STORE": 3, "PROGRAM": 2, "FORGET": 1}


def test_a_new_program_that_does_not_answer_leaves_the_old_one(rig: Rig) -> None:
    first = rig.deploy(rig.artifact())
    second = rig.artifact(code=b"bad", variables={"A": "1"}, settings={"health": {"timeout-seconds": 1}})
    rig.host.broken.add(second.manifest.images[0].sha256)
    with pytest.raises(HealthError, match="answers 502") as raised:
        rig.deploy(second)
    assert "left as it is" in raised.value.hint
    state = rig.target(second).state()
    assert [program.item_hash for program in state.programs] == [first.item_hash]
    assert len(state.volumes) == 2


def test_an_update_that_does_not_answer_is_rolled_back(rig: Rig) -> None:
    rig.deploy(rig.artifact())
    second = rig.artifact(code=b"bad", settings={"health": {"timeout-seconds": 1}})
    rig.host.broken.add(second.manifest.images[0].sha256)
    with pytest.raises(HealthError) as raised:
        rig.deploy(second)
    assert "rolled back (code)" in raised.value.hint
    assert not rig.deploy(rig.artifact()).plan.has_changes


def test_no_rollback_keeps_an_update_that_does_not_answer(rig: Rig) -> None:
    rig.deploy(rig.artifact())
    second = rig.artifact(code=b"bad", settings={"health": {"timeout-seconds": 1}})
    rig.host.broken.add(second.manifest.images[0].sha256)
    with pytest.raises(HealthError):
        rig.deploy(second, rollback=False)
    rig.host.broken.clear()
    again = rig.deploy(second)
    assert not again.plan.has_changes
    assert rig.host.asked


def test_the_way_back_leads_to_the_last_content_that_answered(rig: Rig) -> None:
    rig.deploy(rig.artifact())
    for number in (2, 3):
        bad = rig.artifact(code=b"bad %d" % number, settings={"health": {"timeout-seconds": 1}})
        rig.host.broken.add(bad.manifest.images[0].sha256)
        with pytest.raises(HealthError):
            rig.deploy(bad, rollback=number == 3)
    assert not rig.deploy(rig.artifact()).plan.has_changes


def test_the_way_back_never_undoes_what_another_machine_has_deployed_since(rig: Rig) -> None:
    rig.deploy(rig.artifact())
    bad = rig.artifact(code=b"bad", settings={"health": {"timeout-seconds": 1}})
    rig.host.broken.add(bad.manifest.images[0].sha256)
    with pytest.raises(HealthError):
        rig.deploy(bad, rollback=False)
    rig.deploy(rig.artifact(code=b"good"), state="another-machine")
    worse = rig.artifact(code=b"worse", settings={"health": {"timeout-seconds": 1}})
    rig.host.broken.add(worse.manifest.images[0].sha256)
    with pytest.raises(HealthError):
        rig.deploy(worse)
    assert not rig.deploy(rig.artifact(code=b"good"), state="another-machine").plan.has_changes


def test_what_is_published_anew_is_searched_and_nothing_else(rig: Rig) -> None:
    """A packages image that the network has is public; to search it again takes seconds at each deployment."""
    searched: list[tuple[str, ...]] = []

    def inspect(artifact: Artifact, account: Any) -> None:
        assert account is rig.account
        searched.append(tuple(image.role for image in artifact.manifest.images))

    for code in (b"code 1", b"code 2", b"code 2"):
        rig.deploy(rig.artifact(code=code), inspect=inspect)
    rig.deploy(rig.artifact(code=b"code 2", variables={"A": "1"}), inspect=inspect)
    assert searched == [("code", "packages"), ("code",), ()]
