"""Plugins of others see a deployment, and may refuse its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_aleph.errors import PlanError
from hatch_aleph.hookspecs import hookimpl, manager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deploy.conftest import Rig


class Plugin:
    def __init__(self) -> None:
        self.told: list[str] = []

    @hookimpl
    def aleph_check_plan(self, artifact, changes):
        if artifact.manifest.project["version"] == "0":
            yield "version 0 is not for publishing"

    @hookimpl
    def aleph_before_publish(self, artifact):
        self.told.append("before")

    @hookimpl
    def aleph_after_publish(self, artifact, item_hash, url):
        self.told.append(f"after {item_hash} {url}")


@pytest.fixture
def plugin() -> Iterator[Plugin]:
    registered = Plugin()
    manager().register(registered)
    yield registered
    manager().unregister(registered)


def test_plugins_are_told_before_and_after(rig: Rig, plugin: Plugin) -> None:
    outcome = rig.deploy(rig.artifact())
    assert plugin.told == ["before", f"after {outcome.item_hash} {outcome.urls[0]}"]
    rig.deploy(rig.artifact())
    assert len(plugin.told) == 2, "nothing was published the second time"


def test_a_plugin_refuses_a_plan(rig: Rig, plugin: Plugin) -> None:
    artifact = rig.artifact(version="0")
    with pytest.raises(PlanError, match="version 0 is not for publishing"):
        rig.deploy(artifact)
    assert rig.count() == {}
    assert not plugin.told
