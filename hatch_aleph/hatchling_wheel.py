"""The wheel of a project that hatchling builds, whether it has a package or is a plain module.

Where the project's plugins are not installed, this file is the build backend (PEP 517) of an isolated environment that
has them, so it imports hatchling alone.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

ROOT_VARIABLE = "HATCH_ALEPH_ROOT"  # the project's folder, for the isolated environment


def wheel_builder(root: str, metadata: Any = None) -> Any:
    """Return hatchling's builder; of a project without a package it packs metadata alone.

    Args:
        root: The project's folder.
        metadata: hatchling's own, when it has read the project already.
    """
    from hatchling.builders.wheel import WheelBuilder
    from hatchling.metadata.core import ProjectMetadata

    builder = WheelBuilder(root, metadata=metadata)
    if _has_package(builder):
        return builder
    config = copy.deepcopy(dict(builder.metadata.config))
    plugins = builder.plugin_manager
    builder = WheelBuilder(root, plugins, config, ProjectMetadata(root, plugins, config))
    builder.target_config["bypass-selection"] = True  # here, for hatch.toml is laid over what the table says
    return builder


def build(builder: Any, folder: str) -> Path:
    """Build the wheel into a folder and return it.

    Raises:
        ValueError: For a pipe or socket among the files, at which reading would wait for ever, or a name that no wheel
            can hold.
    """
    for item in builder.recurse_included_files():
        if any("\udc80" <= letter <= "\udcff" for letter in item.distribution_path):
            raise ValueError(f"the name {item.relative_path!a} is not UTF-8")
        if not Path(item.path).is_file():
            raise ValueError(f"{item.path} is no regular file")
    return Path(next(iter(builder.build(directory=folder, versions=["standard"]))))


def _has_package(builder: Any) -> bool:
    """Tell whether hatchling knows which files to pack; it raises when it would have to guess."""
    from hatchling.plugin.exceptions import UnknownPluginError

    try:
        _ = builder.config.default_file_selection_options
    except UnknownPluginError:
        raise
    except ValueError:
        return False
    return True


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:  # noqa: ARG001 - PEP 517's signature
    """Return what building needs besides ``build-system.requires``."""
    os.chdir(os.environ[ROOT_VARIABLE])
    return list(wheel_builder(os.environ[ROOT_VARIABLE]).config.dependencies)


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:  # noqa: ARG001
    """Build the wheel and return its name."""
    os.chdir(os.environ[ROOT_VARIABLE])
    return build(wheel_builder(os.environ[ROOT_VARIABLE]), wheel_directory).name
