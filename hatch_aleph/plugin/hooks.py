"""The plugins that Hatch finds through the entry point group ``hatch``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.plugin.build_hook import AlephBuildHook
    from hatch_aleph.plugin.builder import AlephBuilder
    from hatch_aleph.plugin.collector import AlephEnvironmentCollector
    from hatch_aleph.plugin.publisher import AlephPublisher


def hookimpl(function: Callable[[], type]) -> Callable[[], type]:
    """Mark a hook as ``hatchling.plugin.hookimpl`` does, without the 20 ms that importing pluggy takes.

    Source: pytest-dev/pluggy, src/pluggy/_hooks.py (``HookimplMarker``) and src/pluggy/_manager.py (``register``, which
    fills in what a mark leaves out).
    """
    function.hatch_impl = {}  # type: ignore[attr-defined] # where pluggy looks for it
    return function


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
