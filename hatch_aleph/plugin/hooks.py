"""The plugins that Hatch finds through the entry point group ``hatch``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchling.plugin import hookimpl

if TYPE_CHECKING:
    from hatch_aleph.plugin.build_hook import AlephBuildHook
    from hatch_aleph.plugin.builder import AlephBuilder
    from hatch_aleph.plugin.collector import AlephEnvironmentCollector
    from hatch_aleph.plugin.publisher import AlephPublisher


@hookimpl
def hatch_register_builder() -> type[AlephBuilder]:
    """Give the target of ``hatch build -t aleph``."""
    from hatch_aleph.plugin.builder import AlephBuilder

    return AlephBuilder


@hookimpl
def hatch_register_build_hook() -> type[AlephBuildHook]:
    """Give the hook of ``[tool.hatch.build.hooks.aleph]``."""
    from hatch_aleph.plugin.build_hook import AlephBuildHook

    return AlephBuildHook


@hookimpl
def hatch_register_environment_collector() -> type[AlephEnvironmentCollector]:
    """Give the collector of ``[tool.hatch.env.collectors.aleph]``."""
    from hatch_aleph.plugin.collector import AlephEnvironmentCollector

    return AlephEnvironmentCollector


@hookimpl
def hatch_register_publisher() -> type[AlephPublisher]:
    """Give the publisher of ``hatch publish -p aleph``."""
    from hatch_aleph.plugin.publisher import AlephPublisher

    return AlephPublisher
