"""Put off the import of modules that a program does not need for its first answer."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection


def put_off(names: Collection[str]) -> None:
    """Let these top-level modules run when something of them is first asked for, by importlib's own means."""
    sys.meta_path.insert(0, _LazyFinder(names))  # has the one method that is called


class _LazyFinder:
    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if path is not None or name not in self._names:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = LazyLoader(spec.loader)  # type: ignore[arg-type]
        return spec
