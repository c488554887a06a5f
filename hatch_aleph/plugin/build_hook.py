"""The build hook: an artifact beside every wheel that a plain ``hatch build`` makes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

from hatch_aleph.backend import BUILDING
from hatch_aleph.plugin.builder import PROFILE_VARIABLE, build_with_hatchling


class AlephBuildHook(BuildHookInterface[Any]):
    """Builds the artifact once the project's wheel is done."""

    PLUGIN_NAME = "aleph"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - Hatch's signature
        """Build beside a finished standard wheel, unless it is our own build that made this wheel."""
        if self.target_name != "wheel" or version != "standard" or os.environ.get(BUILDING):
            return
        profile = self.config.get("profile") or os.environ.get(PROFILE_VARIABLE) or None
        build_with_hatchling(self, Path(self.directory), profile)
