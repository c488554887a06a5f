"""Hooks for others: a distribution that names a module under the entry point group ``hatch_aleph`` takes part.

Example:
    ```toml
    [project.entry-points.hatch_aleph]
    mine = "my_plugin.hooks"
    ```
    ```python
    from hatch_aleph.hookspecs import hookimpl

    @hookimpl
    def aleph_extra_files(project, settings):
        yield Entry("build-info.json", "file", 0o644, b"{}")
    ```
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.project import Project
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings
    from hatch_aleph.squashfs import Entry

GROUP = "hatch_aleph"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def aleph_runtimes() -> Iterable[Runtime]:  # type: ignore[empty-body] # a specification has none
    """Give runtimes of your own, so that settings can call them by name."""


@hookspec
def aleph_extra_files(project: Project, settings: Settings) -> Iterable[Entry]:  # type: ignore[empty-body] # as above
    """Give further files for the code image."""


@hookspec
def aleph_check_plan(artifact: Artifact, changes: dict[str, Any]) -> Iterable[str]:  # type: ignore[empty-body] # as above
    """Look at what a deployment would change; every line given back is a reason to refuse it."""


@hookspec
def aleph_before_publish(artifact: Artifact) -> None:
    """Be told right before the first message of a deployment is sent."""


@hookspec
def aleph_after_publish(artifact: Artifact, item_hash: str, url: str) -> None:
    """Be told once the program answers."""


@functools.cache
def hooks() -> pluggy.HookRelay:
    """Return the hooks of every installed plugin, ready to call."""
    return manager().hook


@functools.cache
def manager() -> pluggy.PluginManager:
    """Return the plugin manager, its plugins loaded."""
    import sys

    made = pluggy.PluginManager(GROUP)
    made.add_hookspecs(sys.modules[__name__])
    made.load_setuptools_entrypoints(GROUP)
    return made
