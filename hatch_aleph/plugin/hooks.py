"""The plugins that Hatch finds through the entry point group ``hatch``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def hook(module: str, name: str) -> Callable[[], type]:
    """Return a hook that gives a class of this package, which is imported only then.

    It is marked as ``hatchling.plugin.hookimpl`` does, without the 20 ms that importing pluggy takes. Source:
    pytest-dev/pluggy, src/pluggy/_hooks.py (``HookimplMarker``) and src/pluggy/_manager.py (``register``, which fills
    in what a mark leaves out).
    """

    def give() -> type:
        from importlib import import_module

        found: type = getattr(import_module(f"hatch_aleph.plugin.{module}"), name)
        return found

    give.hatch_impl = {}  # type: ignore[attr-defined] # where pluggy looks for it
    return give


# `hatch build -t aleph`, [tool.hatch.build.hooks.aleph], [tool.hatch.env.collectors.aleph], `hatch publish -p aleph`.
hatch_register_builder = hook("builder", "AlephBuilder")
hatch_register_build_hook = hook("build_hook", "AlephBuildHook")
hatch_register_environment_collector = hook("collector", "AlephEnvironmentCollector")
hatch_register_publisher = hook("publisher", "AlephPublisher")
