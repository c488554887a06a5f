"""No command forgets a program whose name or tag is another project's, unless a flag says that it is meant."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.errors import PlanError
from hatch_aleph.network.messages import sign_message
from hatch_aleph.programs.removal import delete, delete_deployment

if TYPE_CHECKING:
    from tests.deploy.rig import RunningNode
    from tests.trust.conftest import Scene


@pytest.fixture
def bank(scene: Scene) -> str:
    """A program of the owner that another tool has given the shop's tag, and its own name."""
    content = dict(scene.message(scene.shop)["message"]["content"])
    content |= {"metadata": {**content["metadata"], "name": "bank"}, "time": time.time()}
    message = sign_message(scene.rig.account, "PROGRAM", content, channel="TEST", time=content["time"])
    scene.rig.client.publish(message)
    scene.rig.client.wait(message.item_hash, deadline=20.0)
    return message.item_hash


def test_a_deployment_says_so_and_stops(scene: Scene, bank: str) -> None:
    artifact = scene.rig.artifact(code=b"code 3", version="3.0", variables={"A": "new"})
    with pytest.raises(PlanError, match=f"{bank} is of the project bank, not of shop") as refused:
        scene.rig.deploy(artifact)
    assert "--allow-data-loss" in str(refused.value)
    assert scene.forgotten() == scene.forgotten_before


def test_deleting_the_project_takes_a_flag(scene: Scene, bank: str) -> None:
    opened = scene.rig.opened(scene.rig.artifact())
    shown: list[tuple[str, tuple[str, ...]]] = []
    with pytest.raises(PlanError, match="of the project bank") as refused:
        delete_deployment(*opened, confirm=lambda *what: shown.append(what))
    assert "--other-project" in str(refused.value)
    assert not shown
    assert scene.forgotten() == scene.forgotten_before
    delete_deployment(*opened, others=True)
    assert {bank, scene.shop} <= scene.forgotten()


def test_deleting_a_program_in_the_folder_of_another_project_takes_a_flag(scene: Scene) -> None:
    session = scene.rig.session()
    with pytest.raises(PlanError, match="is of the project shop, not of bank"):
        delete(session, scene.shop, meant=["Bank"])
    assert scene.forgotten() == scene.forgotten_before
    asked: list[str] = []
    delete(replace(session, confirm=asked.append), scene.shop, meant=["Bank"], others=True)
    assert scene.shop in scene.forgotten()
    assert scene.forgotten() - scene.forgotten_before <= set(asked[0].replace(",", "").split())


def test_a_program_without_a_project_is_no_other_projects(scene: Scene, node: RunningNode) -> None:
    content = dict(scene.message(scene.shop)["message"]["content"])
    content |= {"metadata": {"name": "anything"}, "time": time.time()}
    message = sign_message(scene.rig.account, "PROGRAM", content, channel="TEST", time=content["time"])
    scene.rig.client.publish(message)
    scene.rig.client.wait(message.item_hash, deadline=20.0)
    delete(scene.rig.session(), message.item_hash, meant=["bank"], keep_code=True)
    assert message.item_hash in scene.forgotten()


def test_a_program_that_its_own_settings_name_is_the_project_s(scene: Scene) -> None:
    artifact = scene.rig.artifact(name="works")  # whose program is called "shop"
    scene.rig.deploy(artifact)
    scene.rig.deploy(scene.rig.artifact(name="works", version="2.0", variables={"A": "new"}))  # which replaces it
    assert delete_deployment(*scene.rig.opened(artifact)).messages
