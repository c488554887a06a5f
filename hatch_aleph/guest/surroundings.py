"""Make the interpreter that the guest's init has set up look as a server would have found it.

Before the app is imported: the path in a sane order, ``.pth`` files honoured, the app's own copies of
modules ahead of those that the init has already imported, and logging as Python leaves it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import site
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_STANDARD = str(Path(os.__file__).parent)
_EXTENSIONS = str(Path(_STANDARD, "lib-dynload"))


def prepare(code_root: str, packages_root: str) -> None:
    """Do all of the above for the images at these folders."""
    order_path(code_root, packages_root)
    forget_shadowed((code_root, packages_root))
    read_path_files((packages_root, code_root))
    reset_logging()


def order_path(code_root: str, packages_root: str) -> None:
    """Order ``sys.path``: code, standard library, packages, image.

    The init puts the packages ahead of the standard library, where a backport would shadow it.
    """
    standard: list[str] = []
    image: list[str] = []
    for entry in sys.path:
        if entry in (code_root, packages_root):
            continue
        inside = entry in (_STANDARD, _EXTENSIONS) or _is_zipped_library(entry)
        (standard if inside else image).append(entry)
    sys.path[:] = [code_root, *standard, packages_root, *image]


def _is_zipped_library(entry: str) -> bool:
    return entry.endswith(f"python{sys.version_info[0]}{sys.version_info[1]}.zip")


def read_path_files(folders: Iterable[str]) -> None:
    """Process the ``.pth`` files of our folders, as ``site`` does for installed packages.

    What they add stands right behind the folder itself, ahead of what the image brings.
    """
    for folder in folders:
        for name in sorted(_entries(folder)):
            if not name.endswith(".pth"):
                continue
            before = len(sys.path)
            site.addpackage(folder, name, set(sys.path))
            added = sys.path[before:]
            del sys.path[before:]
            behind = sys.path.index(folder) + 1
            sys.path[behind:behind] = added


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names alone, at every cold start
    except OSError:
        return []


def _names(folder: str) -> set[str]:
    """Top-level names that the folder offers for import, whether modules, packages or extensions."""
    return {entry.partition(".")[0] for entry in _entries(folder)}


def _standard_names() -> set[str] | frozenset[str]:
    names: frozenset[str] | None = getattr(sys, "stdlib_module_names", None)
    if names is None:  # Python 3.9
        return _names(_STANDARD) | _names(_EXTENSIONS) | set(sys.builtin_module_names)
    return names


def forget_shadowed(folders: Iterable[str]) -> set[str]:
    """Drop from ``sys.modules`` what the init imported and our folders bring as well.

    The init goes on with the module objects that it holds. What else is preloaded and uses a dropped
    module goes too (the image's aiohttp on the app's yarl ends in a TypeError), and is imported again
    if the app asks for it.

    Returns:
        The top-level names that were dropped.
    """
    main = sys.modules.get("__main__")
    keep = {*_standard_names(), "__main__", __name__.partition(".")[0]}
    offered = set().union(*map(_names, folders)) - keep
    loaded: dict[str, list[ModuleType]] = {}
    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        if top not in keep and module is not main:
            loaded.setdefault(top, []).append(module)
    gone = offered & loaded.keys()
    grown = bool(gone)
    while grown:
        users = {top for top in loaded.keys() - gone if any(_uses(module, gone) for module in loaded[top])}
        gone |= users
        grown = bool(users)
    for name in list(sys.modules):
        if name.partition(".")[0] in gone:
            del sys.modules[name]
    return gone


def _uses(module: ModuleType, names: set[str]) -> bool:
    """Tell whether a module's globals hold one of those packages, or something that is made by it."""
    for value in list(vars(module).values()):
        origin = None
        with contextlib.suppress(Exception):  # an attribute of a foreign object may do anything
            origin = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(origin, str) and origin.partition(".")[0] in names:
            return True
    return False


def reset_logging() -> None:
    """Take away the init's handler and level, so that the app's own configuration works.

    The init logs everything to a handler of the root logger at DEBUG: ``logging.basicConfig`` of the
    app would do nothing, and a thousand debug calls of its libraries cost about ten milliseconds.
    """
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("__main__").setLevel(logging.WARNING)


class StandardOutput:
    """Keeps ``sys.stdout`` from the init of 2024, which swaps it for a buffer during every request.

    That swallows what the app prints, and closes the buffer under requests that run at the same time.
    """

    def __init__(self) -> None:
        self._swapped = hasattr(sys.modules.get("__main__"), "redirect_stdout")
        self._kept = sys.stdout

    def restore(self) -> None:
        """Undo the swap, at the start of every call."""
        if not self._swapped:
            return
        if isinstance(sys.stdout, io.StringIO):
            sys.stdout = self._kept
        else:
            self._kept = sys.stdout
