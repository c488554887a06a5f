"""A program whose credits ran out: suspended, back after a top-up, and gone when there is none."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.cli import run
from hatch_aleph.deploy.health import Health
from hatch_aleph.deploy.payment import top_up
from hatch_aleph.deploy.status import read_status
from hatch_aleph.errors import PlanError
from hatch_aleph.settings import HealthCheck
from tests.deploy.conftest import new_account
from tests.deploy.rig import RunningNode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deploy.conftest import Rig

DAY = 24 * 3600
_passed = [0.0]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("node"), retry_scale=0.001, clock=lambda: time.time() + _passed[0])
    yield running
    running.stop()


def spend_all(rig: Rig) -> None:
    left = int(rig.client.balance(rig.account.address).credits)
    rig.node.faucet(rig.account.address, credits=-left)


def let_pass(node: RunningNode, seconds: float) -> None:
    _passed[0] += seconds
    node.inside(lambda node: node.run_maintenance())


def listed(rig: Rig, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what ``list`` prints, on both streams."""
    assert run(["list", "--address", rig.account.address, "--node", rig.node.url]) == 0
    return "".join(capsys.readouterr())


def test_suspended_and_back_after_a_top_up(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    artifact = rig.artifact()
    outcome = rig.deploy(artifact)
    spend_all(rig)
    target = rig.target(artifact)
    found = read_status(target, Health(rig.host), HealthCheck())
    assert found.item_hash == outcome.item_hash
    assert len(found.trouble) == 1
    assert f"the program {outcome.item_hash} is being removed" in found.trouble[0]
    assert "Top up, and it comes back by itself" in found.trouble[0]
    assert found.trouble[0] in target.plan(artifact.manifest).warnings
    told = listed(rig, capsys)
    assert re.search(rf"{outcome.item_hash}.* unpaid", told)
    assert "1 without credits" in told
    with pytest.raises(PlanError, match="is being removed"):  # a pipeline must not call this done
        rig.deploy(artifact)
    with pytest.raises(PlanError, match="code 6"):
        rig.deploy(rig.artifact(code=b"code 2"))

    rig.node.faucet(rig.account.address, credits=10**9)
    assert read_status(target, Health(rig.host), HealthCheck()).trouble == ()
    assert not rig.deploy(rig.artifact()).sent
    assert rig.deploy(rig.artifact(code=b"code 2")).item_hash == outcome.item_hash
    assert rig.count() == {"STORE": 3, "PROGRAM": 1}


def test_gone_for_good_and_published_anew_after_a_top_up(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    artifact = rig.artifact()
    first = rig.deploy(artifact)
    spend_all(rig)
    let_pass(rig.node, 2 * DAY)
    target = rig.target(artifact)
    found = read_status(target, Health(rig.host), HealthCheck())
    assert found.item_hash is None
    volumes, removed = found.trouble
    assert "2 volumes without a program are left: `hatch-aleph deploy` takes what fits" in volumes
    assert first.item_hash in removed
    assert "needs a top-up and another deployment" in removed
    plan = target.plan(artifact.manifest)
    assert removed in plan.warnings
    assert [step.action for step in plan.images] == ["reuse", "reuse"]
    told = listed(rig, capsys)
    assert removed in told
    assert "has no program" in told
    with pytest.raises(PlanError, match="code 6"):
        rig.deploy(artifact)

    rig.node.faucet(rig.account.address, credits=10**9)
    second = rig.deploy(artifact)
    assert second.item_hash != first.item_hash
    assert [type_ for type_, _ in second.sent] == ["PROGRAM"]
    assert read_status(target, Health(rig.host), HealthCheck()).trouble == ()


def test_a_large_volume_goes_too_and_its_project_is_told(rig: Rig) -> None:
    artifact = rig.artifact(packages=bytes(26 * 1024**2))
    rig.deploy(artifact)
    spend_all(rig)
    told = read_status(rig.target(artifact), None, HealthCheck()).trouble[0]
    assert "the program " in told
    assert " and the packages volume " in told
    assert " are being removed" in told
    let_pass(rig.node, 2 * DAY)
    rig.node.faucet(rig.account.address, credits=10**9)
    again = rig.deploy(artifact)
    assert [step.action for step in again.plan.images] == ["reuse", "pin"]
    assert not rig.deploy(artifact).plan.has_changes


def test_owners_who_lost_nothing_hear_of_nothing(rig: Rig) -> None:
    rig.account = new_account(rig.node)
    assert read_status(rig.target(rig.artifact()), None, HealthCheck()).trouble == ()


def test_no_credits_name_the_faucet_here_and_the_shop_on_the_network() -> None:
    here = top_up("http://127.0.0.1:4024", "0xabc")
    assert "hatch-aleph faucet 0xabc --node http://127.0.0.1:4024" in here
    there = top_up("https://api2.aleph.im", "0xabc")
    assert "https://app.aleph.cloud" in there
    assert "faucet" not in there
