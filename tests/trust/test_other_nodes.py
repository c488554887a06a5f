"""Nodes that are not today's pyaleph: of the last release, without estimates or websockets, deaf to filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.errors import HatchAlephError
from hatch_aleph.network import Limits
from tests.trust.conftest import COMMANDS, Scene, outcome
from tests.trust.lying_node import Answers, Ignores, Lie, Told

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.trust.lying_node import Asked


class LastRelease(Lie):
    """As pyaleph 0.10.2: ``storage/limits.json`` is taken for a hash, V-PROGRAM for no type of messages."""

    def tell(self, asked: Asked, told: Told) -> Told:
        if asked.path == "/api/v0/storage/limits.json":
            return Told(400, b"400: Invalid hash provided", {"Content-Type": "text/plain; charset=utf-8"})
        if asked.is_list and "V-PROGRAM" in asked.query.get("msgTypes", ""):
            return Told(422, b'[{"type":"enum","loc":["msgTypes",0]}]', {"Content-Type": "text/plain; charset=utf-8"})
        return told


class NoPrices(Lie):
    """As heph: estimates want a signature; or there is no such path at all."""

    def __init__(self, status: int) -> None:
        self._status = status

    def tell(self, asked: Asked, told: Told) -> Told:
        if asked.path.startswith("/api/v0/price"):
            return Told(self._status, b"no", {"Content-Type": "text/plain"})
        return told


@pytest.mark.parametrize("status", [400, 404])
def test_a_node_of_the_last_release_has_the_default_limits(scene: Scene, status: int) -> None:
    scene.say(
        Answers("/api/v0/storage/limits.json", status, b"400: Invalid hash provided", **{"Content-Type": "text/plain"})
    )
    assert scene.rig.client.limits() == Limits()


@pytest.mark.parametrize(
    "lie",
    [LastRelease(), NoPrices(404), NoPrices(405), NoPrices(422), NoPrices(500)],
    ids=lambda lie: type(lie).__name__,
)
def test_every_command_works_and_forgets_only_its_own(scene: Scene, lie: Lie) -> None:
    scene.say(lie)
    said = {command: outcome(scene, command) for command in ("list", "deploy", "rollback", "prune", "delete project")}
    scene.say(Lie())
    assert said == dict.fromkeys(said, "")
    assert scene.message(scene.other)["status"] == "processed"
    assert scene.message(scene.shop)["status"] == "forgotten"


def said_by(command: Callable[[Scene], Any], scene: Scene) -> str:
    try:
        command(scene)
    except HatchAlephError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("lie", [LastRelease(), NoPrices(404)], ids=lambda lie: type(lie).__name__)
def test_an_update_and_the_end_of_a_file_touch_only_their_own(scene: Scene, lie: Lie) -> None:
    scene.say(lie)
    assert said_by(Scene.update, scene) == ""
    assert "uses this file" in said_by(Scene.forget_file, scene)
    scene.say(Lie())
    assert scene.forgotten() <= scene.forgotten_before
    assert {scene.message(each)["status"] for each in (scene.shop, scene.other)} == {"processed"}


def test_a_node_that_ignores_filters_has_nothing_forgotten_by_an_update_or_by_name(scene: Scene) -> None:
    scene.say(Ignores("tags", "refs", "owners", "hashes", "msgTypes", "contentKeys", "channels"))
    assert "ignores the filter" in said_by(Scene.update, scene)
    assert "ignores the filter" in said_by(Scene.forget_file, scene)
    scene.say(Lie())
    assert scene.forgotten() <= scene.forgotten_before
    assert {scene.message(each)["status"] for each in (scene.shop, scene.other)} == {"processed"}


def test_a_node_that_ignores_all_filters_harms_nothing(scene: Scene) -> None:
    scene.say(Ignores("tags", "refs", "owners", "hashes", "msgTypes", "contentKeys", "channels"))
    said = {command: outcome(scene, command) for command in COMMANDS}
    scene.say(Lie())
    assert all("ignores the filter" in text for text in said.values()), said
    assert scene.forgotten() <= scene.forgotten_before
    assert {scene.message(each)["status"] for each in (scene.shop, scene.other)} == {"processed"}
