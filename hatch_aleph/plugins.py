"""The installed plugins: found without a cost where there are none, and named when they fail.

A plugin is a module (or any object) under the entry point group ``hatch_aleph``; its hooks are those that
:mod:`hatch_aleph.hookspecs` specifies.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import HatchAlephError, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from importlib.metadata import EntryPoint
    from types import TracebackType

    import pluggy

GROUP = "hatch_aleph"
_SECRET = ("aleph_account",)  # hooks whose errors could carry a private key in their text
_SPECIFICATIONS = "hatch_aleph.hookspecs"  # lies above all rooms, since hooks are given what those make


class Plugins:
    """Calls hooks.

    Args:
        manager: Of plugins that are registered already; without one, the first call loads the installed plugins.
    """

    def __init__(self, manager: pluggy.PluginManager | None = None) -> None:
        self._manager = manager
        self._names: dict[Any, str] = {}

    def call(self, hook: str, **arguments: Any) -> list[Any]:
        """Call a hook of every plugin, the one registered last first, and return what they gave.

        Raises:
            PluginError: One failed; the error names it. Errors of hatch-aleph that a plugin raises pass as they are.
        """
        if self._manager is None and not _offered():
            return []
        caller = getattr(self.manager.hook, hook)
        try:
            given = caller(**arguments)
            if not isinstance(given, list):  # of a hook whose first answer counts
                return [] if given is None else [given]
            # What a plugin yields is made now, so that a failure has its name.
            return [list(each) if hasattr(each, "__next__") else each for each in given]
        except HatchAlephError:
            raise
        except Exception as error:  # noqa: BLE001 - plugins raise anything
            raise self._failure(hook, error) from (None if hook in _SECRET else error)

    @property
    def manager(self) -> pluggy.PluginManager:
        """The manager of the plugins; loads the installed ones first.

        Raises:
            PluginError: One cannot be loaded, or implements a hook that does not exist.
        """
        if self._manager is None:
            import importlib
            import importlib.metadata

            import pluggy

            manager = pluggy.PluginManager(GROUP)
            manager.add_hookspecs(importlib.import_module(_SPECIFICATIONS))
            for entry_point in importlib.metadata.entry_points(group=GROUP):
                self._register(manager, entry_point)
            self._manager = manager
        return self._manager

    def implementing(self, *hooks: str) -> tuple[str, ...]:
        """Return the plugins, with their versions, that implement one of some hooks."""
        if self._manager is None and not _offered():
            return ()
        callers = (getattr(self.manager.hook, hook) for hook in hooks)
        return tuple(sorted({self._name(each.plugin) for caller in callers for each in caller.get_hookimpls()}))

    def _register(self, manager: pluggy.PluginManager, entry_point: EntryPoint) -> None:
        distribution = entry_point.dist
        name = f"{entry_point.name} ({distribution.name} {distribution.version})" if distribution else entry_point.name
        try:
            plugin = entry_point.load()
            self._names[plugin] = name
            manager.register(plugin, name=entry_point.name)
            manager.check_pending()
        except Exception as error:
            raise PluginError(
                f"The plugin {name} cannot be loaded: {type(error).__name__}: {error}",
                where=entry_point.value,
                hint="Update or remove it.",
            ) from error

    def _name(self, plugin: Any) -> str:
        return self._names.get(plugin) or str(self.manager.get_name(plugin))

    def _failure(self, hook: str, error: Exception) -> PluginError:
        lines = dict(_lines(error.__traceback__))
        said = type(error).__name__ + ("" if hook in _SECRET else f": {error}")
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            code = implementation.function.__code__
            if code in lines:
                return PluginError(
                    f"The plugin {self._name(implementation.plugin)} failed in {hook}: {said}",
                    where=f"{code.co_filename}:{lines[code]}",
                    hint="Update or remove it.",
                )
        return PluginError(f"A plugin does not implement {hook} as it is specified: {said}")


PLUGINS = Plugins()


@dataclass(frozen=True)
class Publication:
    """What a command is about to publish.

    Attributes:
        command: Which command: ``deploy``, ``create``, ``update``, ``rollback``, ``delete``, ``persist`` ...
        owner: Address that owns and pays.
        node: URL of the node.
        item_hash: Of the program that is there; None for a new one.
        content: Content of the PROGRAM message, as far as it is known; None where none is published.
        artifact: The :class:`~hatch_aleph.artifact.Artifact`; None where there is none.
    """

    command: str
    owner: str
    node: str
    item_hash: str | None = None
    content: Mapping[str, Any] | None = None
    artifact: Any = None


@contextlib.contextmanager
def publishing(publication: Publication, plugins: Plugins = PLUGINS) -> Iterator[Callable[[str, str], None]]:
    """Tell plugins of a publication: before the first message, after the last, and when it fails.

    Gives a function to call once the program answers, with its item hash and URL; without such a call plugins hear
    nothing of success (``delete`` calls it with the item hash that is gone and an empty URL).

    Raises:
        PluginError: A plugin fails; before the first message nothing was sent.
    """
    said = {"publication": publication, "artifact": publication.artifact}
    plugins.call("aleph_before_publish", **said)
    try:
        yield lambda item_hash, url: _ignore(plugins.call("aleph_after_publish", **said, item_hash=item_hash, url=url))
    except HatchAlephError as error:
        try:
            plugins.call("aleph_publish_failed", **said, error=error)
        except HatchAlephError as further:  # must not hide what failed first
            error.hint = f"{error.hint}\n{further}" if error.hint else str(further)
        raise


def _ignore(_: object) -> None:
    pass


def _lines(traceback: TracebackType | None) -> Iterator[tuple[Any, int]]:
    while traceback is not None:
        yield traceback.tb_frame.f_code, traceback.tb_lineno
        traceback = traceback.tb_next


@functools.cache
def _offered() -> bool:
    """Tell whether any distribution offers plugins, in a sixth of the time that importlib.metadata needs for it.

    Only what may be of another form than a folder (a zip on the path) is left to importlib.metadata to judge.
    """
    marker = f"[{GROUP}]".encode()
    for folder in sys.path:
        try:
            with os.scandir(folder or ".") as items:
                found = [item.path for item in items if item.name.endswith((".dist-info", ".egg-info"))]
        except NotADirectoryError:
            return True
        except OSError:
            continue
        for path in found:
            with contextlib.suppress(OSError), open(f"{path}/entry_points.txt", "rb") as stream:  # noqa: PTH123 - speed
                if marker in stream.read():
                    return True
    return False
