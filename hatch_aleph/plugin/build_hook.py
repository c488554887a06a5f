"""The build hook: an artifact with every wheel that a plain ``hatch build`` makes."""

from __future__ import annotations

import contextlib
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
        """Build after a finished standard wheel, unless it is our own build that made this wheel."""
        if self.target_name != "wheel" or version != "standard" or os.environ.get(BUILDING):
            return
        profile = self.config.get("profile") or os.environ.get(PROFILE_VARIABLE) or None
        build_with_hatchling(self, self._folder, profile)

    def clean(self, versions: list[str]) -> None:  # noqa: ARG002 - all versions share their images
        """Remove what earlier builds left, for ``hatch build -c`` and ``hatch clean``."""
        from hatch_aleph.artifact import remove_artifacts

        remove_artifacts(self._folder)
        with contextlib.suppress(OSError):  # not there, or something else is in it
            self._folder.rmdir()

    @property
    def _folder(self) -> Path:
        """A folder within the wheel's: no other outlives frontends that build in a folder of their own."""
        from hatch_aleph.artifact import HOOK_FOLDER

        return Path(self.directory) / (self.config.get("directory") or HOOK_FOLDER)
