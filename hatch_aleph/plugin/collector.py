"""The environment collector: ``[tool.hatch.env.collectors.aleph]`` gives ``hatch run aleph:*``."""

from __future__ import annotations

import os
from typing import Any

from hatch.env.collectors.plugin.interface import EnvironmentCollectorInterface

from hatch_aleph.commands import COMMANDS, ENVIRONMENT
from hatch_aleph.installation import requirement


class AlephEnvironmentCollector(EnvironmentCollectorInterface):
    """Adds an environment `aleph` with this tool in it and a script for each of its commands."""

    PLUGIN_NAME = "aleph"

    def get_initial_config(self) -> dict[str, dict[str, Any]]:
        """Return the environment, which a user's ``[tool.hatch.envs.aleph]`` may extend."""
        return {ENVIRONMENT: environment()}

    def finalize_config(self, config: dict[str, dict[str, Any]]) -> None:
        """Give back what a user's table replaced whole: Hatch merges tables key by key, not deeper."""
        table = config.setdefault(ENVIRONMENT, {})
        for key, value in environment().items():
            if isinstance(value, dict):
                table[key] = {**value, **table.get(key, {})}
            else:
                table.setdefault(key, value)


def environment() -> dict[str, Any]:
    """Return the environment's table, new at each call, for Hatch changes what it gets."""
    # `exec` makes the command's own exit code that of `hatch run`, on Ctrl-C as well.
    start = "exec hatch-aleph" if os.name == "posix" else "hatch-aleph"
    return {
        "detached": True,
        "installer": "uv",  # pip takes a minute for the SDK and what it brings
        "dependencies": [requirement("[deploy]")],
        "scripts": {name: f"{start} {name} {{args}}" for name in COMMANDS},
    }
