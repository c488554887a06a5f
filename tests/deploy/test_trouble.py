"""What goes wrong, each told in one message with the next step, and the journal left so that the next run goes on."""

from __future__ import annotations

import errno
import multiprocessing
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.deploy.journal import Journal, file_name
from hatch_aleph.deploy.plan import reviewed_checksum
from hatch_aleph.deploy.session import deployment_lock
from hatch_aleph.errors import AccountError, ArtifactError, HatchAlephError, NetworkError, PlanError, RejectedError
from hatch_aleph.files import write_atomic
from hatch_aleph.network.client import NodeClient
from tests.clock import brief
from tests.deploy.conftest import new_account, through, with_clock
from tests.deploy.rig import RunningNode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deploy.conftest import Rig


def fails(rig: Rig, kind: type[HatchAlephError], *words: str, **parts: Any) -> HatchAlephError:
    """Deploy, expecting an error that says some words and what to do."""
    with pytest.raises(kind) as raised:
        rig.deploy(rig.artifact(**parts))
    for word in words:
        assert word in str(raised.value)
    assert raised.value.hint
    return raised.value


def test_no_credits_is_told_before_anything_is_sent(rig: Rig) -> None:
    rig.account = new_account(rig.node, 0)
    fails(rig, PlanError, "Insufficient balance", "code 6", rig.account.address)
    assert rig.count() == {}


def test_credits_that_other_programs_need_are_told_before_anything_is_sent(rig: Rig) -> None:
    # A day of this deployment is covered, a day of everything is not, which is what the network asks for.
    rig.deploy(rig.artifact(name="other"))
    cost = rig.target(rig.artifact(name="other")).plan(rig.artifact(name="other").manifest).cost
    held = rig.client.balance(rig.account.address).credits
    rig.node.faucet(rig.account.address, credits=-int(held) + int(cost.now * 1.5))
    fails(rig, PlanError, "Insufficient balance", "for a day of all that it pays for then", "faucet")
    assert rig.count() == {"STORE": 2, "PROGRAM": 1}
    rig.node.faucet(rig.account.address, credits=10**9)
    assert rig.deploy(rig.artifact()).sent
    assert rig.count() == {"STORE": 4, "PROGRAM": 2}


def test_an_image_larger_than_the_node_takes(rig: Rig, tmp_path: Path) -> None:
    from hatch_aleph.local.node.limits import Limits

    small = RunningNode(tmp_path / "small", limits=Limits(storage=300_000, ipfs=400_000))
    try:
        with NodeClient([small.url], sleep=brief) as client:
            rig.client = client
            fails(rig, RejectedError, "the node takes at most 400,000", packages=os.urandom(500_000))
    finally:
        small.stop()


def test_a_node_that_is_down_and_the_next_run_on_another_one(rig: Rig, tmp_path: Path) -> None:
    with NodeClient(["http://127.0.0.1:9"], sleep=lambda _seconds: None) as client:
        up, rig.client = rig.client, client
        fails(rig, NetworkError, "cannot be reached", "--node")
        rig.client = up
    assert rig.deploy(rig.artifact()).sent


def test_what_was_signed_for_one_node_is_sent_as_it_is_to_the_next(rig: Rig) -> None:
    artifact = rig.artifact(packages=os.urandom(100))
    target = rig.target(artifact)

    class Unplugged(NodeClient):
        def upload(self, *_: Any, **__: Any) -> Any:
            raise NetworkError("The node breaks off", hint="Check your connection.")

    with Unplugged([rig.node.url.replace("127.0.0.1", "localhost")]) as client:
        deployer = through(rig.deployer(artifact), client)
        with pytest.raises(NetworkError):
            deployer.deploy(artifact)
    journal = Journal(rig.folder / ".aleph", rig.account.address, target.tag)
    signed = [entry.message.item_hash for entry in journal.open]
    assert len(signed) == 1
    outcome = rig.deploy(artifact)
    assert signed[0] in [item_hash for _, item_hash in outcome.sent]
    assert rig.count() == {"STORE": 2, "PROGRAM": 1}


def test_a_full_disk_stops_before_anything_is_sent(rig: Rig) -> None:
    artifact = rig.artifact()
    room = [2]

    def write(file: Path, text: str) -> None:
        if room[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room[0] -= 1
        write_atomic(file, text)

    deployer = rig.deployer(artifact)
    deployer.session = replace(
        deployer.session, journal=lambda folder, owner, tag: Journal(folder, owner, tag, write=write)
    )
    with pytest.raises(PlanError) as raised:
        deployer.deploy(artifact)
    assert "No space left" in str(raised.value)
    assert "--state-folder" in str(raised.value.hint)
    assert rig.count() == {}
    assert rig.deploy(artifact).sent
    assert rig.count() == {"STORE": 2, "PROGRAM": 1}


def test_a_folder_that_cannot_be_written(rig: Rig) -> None:
    (rig.folder / ".aleph").write_text("a file stands in the way, as a folder without permission would for others")
    fails(rig, PlanError, "cannot be written", "--state-folder")


@pytest.mark.parametrize("text", ["", "5", '{"schema": 1, "run": 5, "open": [], "outcomes": []}', "[" * 100_000])
def test_a_journal_of_another_shape_is_not_guessed_at(rig: Rig, text: str) -> None:
    artifact = rig.artifact()
    rig.deploy(artifact)
    Journal(rig.folder / ".aleph", rig.account.address, rig.target(artifact).tag).file.write_text(text)
    fails(rig, PlanError, "damaged", "move the file away")


def test_a_damaged_journal_is_not_guessed_at(rig: Rig) -> None:
    artifact = rig.artifact()
    rig.deploy(artifact)
    file = Journal(rig.folder / ".aleph", rig.account.address, rig.target(artifact).tag).file
    file.write_text(file.read_text()[:-40])
    fails(rig, PlanError, "damaged", "move the file away")


@pytest.mark.parametrize("seconds", [-3600, 200])
def test_a_wrong_clock(rig: Rig, seconds: int) -> None:
    with NodeClient([rig.node.url], clock=lambda: time.time() + seconds) as client:
        rig.client = client
        fails(rig, PlanError, "clock", "Set the clock")
    assert rig.count() == {}


def test_an_amend_is_later_than_the_last_one_whatever_the_clocks(rig: Rig) -> None:
    artifact = rig.artifact()
    with_clock(rig.deployer(artifact), lambda: time.time() + 90).deploy(artifact)
    second = rig.artifact(code=b"code 2")
    rig.deploy(second)
    assert not rig.target(second).plan(second.manifest).has_changes


def test_two_deployments_of_one_project_exclude_each_other(rig: Rig) -> None:
    artifact, folder = rig.artifact(), rig.folder / ".aleph"
    name = file_name(rig.account.address, rig.target(artifact).tag).removesuffix(".json")
    with deployment_lock(folder / "runs" / name):
        fails(rig, PlanError, "Another command holds this journal", str(os.getpid()))
    assert rig.deploy(artifact).sent


def test_projects_that_share_a_state_folder_do_not_wait_for_each_other(rig: Rig) -> None:
    one, other = rig.artifact(), rig.artifact(name="other", code=b"code of another project")
    with rig.deployer(one).session.deploying(rig.target(one).tag, "TEST"):
        assert rig.deploy(other).sent


def _hold(folder: Path, ready: Any) -> None:
    with deployment_lock(folder):
        ready.set()
        time.sleep(60)


def test_the_lock_of_a_killed_deployment_frees_itself(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, ready))
    holder.start()
    assert ready.wait(60)
    with pytest.raises(PlanError), deployment_lock(tmp_path):
        pass
    holder.kill()
    holder.join(20)
    with deployment_lock(tmp_path):
        pass


def test_an_image_that_changed_since_it_was_built(rig: Rig) -> None:
    artifact = rig.artifact()
    artifact.file(artifact.manifest.images[0]).write_bytes(b"other")
    with pytest.raises(ArtifactError, match="changed since it was built"):
        rig.deploy(artifact)
    assert rig.count() == {}


def test_a_reviewed_plan_is_applied_only_while_it_is_true(rig: Rig, tmp_path: Path) -> None:
    artifact = rig.artifact()
    plan = rig.target(artifact).plan(artifact.manifest)
    plan.save(tmp_path / "plan.json")
    checksum = reviewed_checksum(tmp_path / "plan.json")
    other = rig.artifact(code=b"code 2")
    with pytest.raises(PlanError, match="no longer true"):
        rig.deploy(other, reviewed=checksum)
    assert rig.deploy(rig.artifact(), reviewed=checksum).sent
    with pytest.raises(PlanError, match="no longer true"):
        rig.deploy(rig.artifact(code=b"code 3"), reviewed=checksum)


def test_persistent_data_is_not_lost_unasked(rig: Rig) -> None:
    data = {"mount": "/opt/data", "name": "data", "size_mib": 10, "persistence": "host"}
    rig.deploy(rig.artifact(volumes=[data]))
    changed = rig.artifact(volumes=[data], variables={"A": "1"})
    with pytest.raises(PlanError, match="persistent volume data is lost"):
        rig.deploy(changed)
    assert rig.deploy(changed, allow_data_loss=True).plan.program.action == "replace"


def test_declining_the_plan_sends_nothing(rig: Rig) -> None:
    def decline(_plan: Any) -> None:
        raise PlanError("not confirmed")

    with pytest.raises(PlanError, match="not confirmed"):
        rig.deploy(rig.artifact(), confirm=decline)
    assert rig.count() == {}


def test_an_interrupt_leaves_what_the_next_run_goes_on_from(rig: Rig) -> None:
    artifact = rig.artifact()

    class Interrupted(NodeClient):
        def wait(self, *_: Any, **__: Any) -> Any:
            raise KeyboardInterrupt

    with Interrupted([rig.node.url]) as client:
        deployer = through(rig.deployer(artifact), client)
        with pytest.raises(KeyboardInterrupt):
            deployer.deploy(artifact)
    outcome = rig.deploy(artifact)
    assert outcome.resumed == 1
    assert rig.count() == {"STORE": 2, "PROGRAM": 1}


def test_others_with_the_same_tag_do_not_count(rig: Rig) -> None:
    first = rig.deploy(rig.artifact())
    owner, rig.account = rig.account, new_account(rig.node)
    rig.deploy(rig.artifact(code=b"of another"), state="other")
    rig.account = owner
    assert rig.deploy(rig.artifact()).item_hash == first.item_hash


def test_a_profile_is_a_deployment_of_its_own(rig: Rig) -> None:
    common = rig.deploy(rig.artifact())
    profile = rig.deploy(rig.artifact(profile="pr-12", code=b"of pr 12"))
    assert profile.item_hash != common.item_hash
    assert profile.plan.tag == "hatch-aleph:shop:pr-12"
    # The bytes of the packages are there already: pinned for the profile too, but not sent again.
    assert [(step.action, step.upload) for step in profile.plan.images] == [("pin", True), ("pin", False)]


def test_without_key_and_address_it_is_told_what_to_give(rig: Rig) -> None:
    from hatch_aleph.deploy.deployment import Deployment

    with pytest.raises(AccountError, match="whose deployment"):
        Deployment.of(rig.artifact().manifest, rig.client)
