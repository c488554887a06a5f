"""No command forgets a program whose name or tag is another project's, unless a flag says that it is meant."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.errors import PlanError
from hatch_aleph.network.messages import sign_message
from hatch_aleph.programs.removal import delete, delete_deployment
from hatch_aleph.programs.replacement import set_persistent

if TYPE_CHECKING:
    from tests.trust.conftest import Scene


@pytest.fixture
def bank(scene: Scene) -> str:
    """A program of the owner that another tool has given the shop's tag, and its own name."""
    return published(scene, {**scene.message(scene.shop)["message"]["content"]["metadata"], "name": "bank"})


def published(scene: Scene, metadata: dict[str, Any]) -> str:
    """Publish the shop's program under another name."""
    content = {**scene.message(scene.shop)["message"]["content"], "metadata": metadata, "time": time.time()}
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


@pytest.mark.parametrize(
    ("metadata", "who"),
    [({"name": "anything"}, "called anything and of no project"), ({}, "without a name and of no project")],
)
def test_a_program_without_a_project_is_judged_by_its_name(scene: Scene, metadata: dict[str, str], who: str) -> None:
    untagged = published(scene, metadata)
    for refused in (
        lambda: delete(scene.rig.session(), untagged, meant=["bank"], keep_code=True),
        lambda: set_persistent(scene.rig.session(), untagged, persistent=True, meant=["bank"]),
    ):
        with pytest.raises(PlanError, match=f"is {who}, not of bank"):
            refused()
    assert scene.forgotten() == scene.forgotten_before
    delete(scene.rig.session(), untagged, meant=["bank"], keep_code=True, others=True)
    assert untagged in scene.forgotten()


def test_a_program_that_is_called_as_the_project_is_its_own(scene: Scene) -> None:
    untagged = published(scene, {"name": "The_Bank"})
    delete(scene.rig.session(), untagged, meant=["the-bank"], keep_code=True)
    assert untagged in scene.forgotten()


def test_a_program_that_its_own_settings_name_is_the_project_s(scene: Scene) -> None:
    artifact = scene.rig.artifact(name="works")  # whose program is called "shop"
    scene.rig.deploy(artifact)
    scene.rig.deploy(scene.rig.artifact(name="works", version="2.0", variables={"A": "new"}))  # which replaces it
    assert delete_deployment(*scene.rig.opened(artifact)).messages
