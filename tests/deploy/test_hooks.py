from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pluggy
import pytest

from hatch_aleph import hookspecs
from hatch_aleph.errors import PlanError
from hatch_aleph.itemhash import to_base32
from hatch_aleph.plugins import Plugins

if TYPE_CHECKING:
    from tests.deploy.conftest import Rig


class Plugin:
    """Refuses what changes the program, and remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @hookspecs.hookimpl
    def aleph_check_plan(self, changes: dict[str, Any]) -> list[str]:
        return ["no replacement on a Friday"] if changes["program"]["action"] == "replace" else []

    @hookspecs.hookimpl
    def aleph_before_publish(self) -> None:
        self.told.append("before")

    @hookspecs.hookimpl
    def aleph_after_publish(self, item_hash: str, url: str) -> None:
        self.told.append(f"after {to_base32(item_hash) in url}")


def test_plugins_refuse_plans_and_are_told_of_publishing(rig: Rig) -> None:
    manager = pluggy.PluginManager(hookspecs.GROUP)
    manager.add_hookspecs(hookspecs)
    plugin = Plugin()
    manager.register(plugin)

    def deploy(**parts: Any) -> None:
        artifact = rig.artifact(**parts)
        replace(rig.deployer(artifact), plugins=Plugins(manager)).deploy(artifact)

    deploy()
    assert plugin.told == ["before", "after True"]
    deploy()
    assert plugin.told == ["before", "after True"]
    with pytest.raises(PlanError, match="no replacement on a Friday"):
        deploy(variables={"A": "1"})
    assert rig.count() == {"STORE": 2, "PROGRAM": 1}
