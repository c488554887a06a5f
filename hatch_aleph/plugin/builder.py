"""The build target: ``hatch build -t aleph``, or ``-t aleph:staging`` for a profile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.plugin.interface import BuilderInterface
from hatchling.plugin.manager import PluginManager

from hatch_aleph.errors import HatchAlephError, InstallationError

if TYPE_CHECKING:
    from collections.abc import Callable

STANDARD = "standard"
PROFILE_VARIABLE = "HATCH_ALEPH_PROFILE"


class AlephBuilder(BuilderInterface[BuilderConfig, PluginManager]):
    """Builds the artifact; Hatch's target versions are the profiles."""

    PLUGIN_NAME = "aleph"

    def get_version_api(self) -> dict[str, Callable[..., str]]:
        """Return a build function for the common settings and for each profile."""
        from hatch_aleph.settings.load import is_family, profiles_of

        table = self.metadata.config.get("tool", {}).get("aleph", {})
        profiles = (profiles_of(table) if isinstance(table, dict) else None) or {}
        return {STANDARD: self._build(None), **{name: self._build(name) for name in profiles if not is_family(name)}}

    def get_default_versions(self) -> list[str]:
        """Build the common settings alone unless versions are named."""
        return [STANDARD]

    def clean(self, directory: str, versions: list[str]) -> None:  # noqa: ARG002 - all versions share their images
        """Remove what earlier builds left, for ``hatch build -c`` and ``hatch clean``."""
        from hatch_aleph.artifact import remove_artifacts

        remove_artifacts(Path(directory))

    def _build(self, profile: str | None) -> Callable[..., str]:
        def build(directory: str, **_build_data: Any) -> str:
            return build_with_hatchling(self, Path(directory), profile or os.environ.get(PROFILE_VARIABLE) or None)

        return build


def build_with_hatchling(builder: Any, directory: Path, profile: str | None) -> str:
    """Build for a hatchling builder or build hook, ending it with our message and exit code on failure."""
    from hatch_aleph.build import build_artifact
    from hatch_aleph.environment import withdraw_key
    from hatch_aleph.observer import Lines
    from hatch_aleph.project import from_hatchling_metadata, read_pyproject

    withdraw_key()
    root = Path(builder.root)
    try:
        project = from_hatchling_metadata(root, read_pyproject(root), builder.metadata)
        artifact = build_artifact(
            project,
            directory,
            profile=profile,
            metadata=builder.metadata,
            notice=builder.app.display_info,
            observer=Lines(builder.app.display_waiting, builder.app.display_info),
        )
    except (HatchAlephError, ImportError) as error:
        told = InstallationError.from_import(error) if isinstance(error, ImportError) else error
        if told is not None:
            builder.app.abort(told.with_help, told.exit_code)
        raise
    for warning in artifact.manifest.warnings:
        builder.app.display_warning(warning)
    return str(artifact.path)
