"""Nodes that are not today's pyaleph: of the last release, without estimates or websockets, deaf to filters."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.errors import HatchAlephError
from hatch_aleph.network.answers import Limits
from tests.network.scripted import ScriptedNode, as_json
from tests.trust.conftest import COMMANDS, Scene, outcome
from tests.trust.lying_node import Answers, Ignores, LastRelease, Lie, NoPrices, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.trust.lying_node import Asked


ROOT = Path(__file__).parents[2]


@pytest.fixture
def bare() -> Iterator[ScriptedNode]:
    scripted = ScriptedNode()
    yield scripted
    scripted.stop()


class NoStatus(Lie):
    """As before there was such a path, or where a node behind the same name has not heard of a message yet."""

    def tell(self, asked: Asked, told: Told) -> Told:
        return Told(404, b"404: Not Found", {"Content-Type": "text/plain"}) if asked.path.endswith("/status") else told


class NoWebsockets(Lie):
    """As behind many a proxy; a host that follows such a node is tried in tests/local/host/test_missed_messages.py."""

    def tell(self, asked: Asked, told: Told) -> Told:
        return Told(404, b"404: Not Found", {"Content-Type": "text/plain"}) if "/ws" in asked.path else told


@pytest.mark.parametrize("status", [400, 404])
def test_a_node_of_the_last_release_has_the_default_limits(scene: Scene, status: int) -> None:
    scene.say(
        Answers("/api/v0/storage/limits.json", status, b"400: Invalid hash provided", **{"Content-Type": "text/plain"})
    )
    assert scene.rig.client.limits() == Limits()


@pytest.mark.parametrize(
    "lie",
    [LastRelease(), NoPrices(404), NoPrices(405), NoPrices(422), NoPrices(500), NoWebsockets(), NoStatus()],
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


@pytest.mark.parametrize("lie", [LastRelease(), NoPrices(404), NoWebsockets()], ids=lambda lie: type(lie).__name__)
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


def test_the_conformity_suite_examines_any_node_to_its_end(bare: ScriptedNode) -> None:
    """Here one that knows a single path: each examination that needs more is told with its name."""
    bare.on("GET", "/api/v0/version", as_json({"version": "0"}))
    suite = [sys.executable, "-m", "pytest", "tests/conformity", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*suite, "--node", bare.url], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    examinations = re.findall(
        r"^def (test_\w+)", (ROOT / "tests/conformity/test_node.py").read_text("utf-8"), re.MULTILINE
    )
    unmet = set(re.findall(r"^(?:FAILED|ERROR) \S+::(test_\w+)", done.stdout, re.MULTILINE))
    assert done.returncode == 1, done.stdout + done.stderr
    assert unmet == {*examinations} - {"test_it_tells_its_limits"}  # an older release has no such path
