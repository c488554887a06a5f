"""Put off the import of modules that a program does not need for its first answer."""

from __future__ import annotations

import sys
import threading
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection


def put_off(names: Collection[str]) -> None:
    """Let these top-level modules run when something of them is first asked for."""
    sys.meta_path.insert(0, _LazyFinder(names))  # has the one method that is called


class _LazyFinder:
    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if path is not None or name not in self._names:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _LazyLoader(spec.loader)  # type: ignore[assignment]
        return spec


class _LazyLoader:
    """Makes a module and lets it wait, as ``importlib.util.LazyLoader`` does."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        spec: Any = module.__spec__
        spec.loader = module.__loader__ = self._loader
        spec.loader_state = _State()
        module.__class__ = LazyModule


class _State:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.runs = False


class LazyModule(ModuleType):
    """A module that runs when something of it is first asked for: once, and whoever else asks waits.

    The module of importlib's LazyLoader shows itself half run to a second thread before Python 3.12.3, and runs as soon
    as it is imported twice.
    """

    def __getattribute__(self, name: str) -> Any:
        """Run the module first. Its own code, and what that calls, find it as they find any that is being imported."""
        spec = object.__getattribute__(self, "__dict__")["__spec__"]
        if name == "__spec__":  # which a second import looks at
            return spec
        state = spec.loader_state
        with state.lock:
            if not state.runs and object.__getattribute__(self, "__class__") is LazyModule:
                state.runs = True
                try:
                    spec.loader.exec_module(self)
                except BaseException:
                    state.runs = False  # who asks next is told the same
                    raise
                object.__setattr__(self, "__class__", ModuleType)
        return ModuleType.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Run the module first, which would set its own."""
        self.__dict__  # noqa: B018
        ModuleType.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        """Run the module first."""
        self.__dict__  # noqa: B018
        ModuleType.__delattr__(self, name)
