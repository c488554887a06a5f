"""Make the interpreter that the guest's init has set up look as a server would have found it.

Before the app is imported: the code's folder as working directory, the path in a sane order, ``.pth`` files honoured,
the app's own copies of modules ahead of those that the init has already imported, and logging as Python leaves it.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import site
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING

from .packed_modules import install

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

_STANDARD = str(Path(os.__file__).parent)
_CHILD = str(Path(__file__).with_name("child"))
_EXTENSIONS = str(Path(_STANDARD, "lib-dynload"))
# Types of globals that do not tell where they come from; most globals are of these.
_ORIGINLESS = frozenset((str, bytes, int, float, bool, type(None), tuple, list, dict, set, frozenset))


def prepare(code_root: str, packages_root: str) -> None:
    """Do all of the above for the images at these folders."""
    os.chdir(code_root)  # apps open "static" and "templates" where a developer starts the server
    order_path(code_root, packages_root)
    forget_shadowed((code_root, packages_root))
    read_plain_bytecode()
    install(packages_root)
    read_path_files((packages_root, code_root))
    prepare_children(code_root, packages_root)
    reset_logging()


def prepare_children(code_root: str, packages_root: str) -> None:
    """Let processes that the app starts find what it finds, and not become an init.

    ``multiprocessing`` and its like run the file of ``__main__`` again in a new process: the init's, with its sockets.
    """
    os.environ.update(child_paths(code_root, packages_root))
    vars(sys.modules["__main__"]).pop("__file__", None)


def child_paths(code_root: str, packages_root: str) -> dict[str, str]:
    """Give the paths of a process that is started from here: the images, ahead of what the init has said."""
    given = os.environ.get
    return {
        "PATH": _joined(f"{packages_root}/bin", f"{code_root}/bin", given("PATH", os.defpath)),
        "PYTHONPATH": _joined(code_root, packages_root, given("PYTHONPATH", ""), _CHILD),
    }


def _joined(*parts: str) -> str:
    return os.pathsep.join(filter(None, parts))


def keep_child_watcher(before: asyncio.AbstractEventLoopPolicy) -> None:
    """Let asyncio start processes after ``uvloop.install()``.

    The init's loop goes on, and asks the new policy for the watcher that it has none of.
    """
    policy = asyncio.get_event_loop_policy()
    try:
        if policy is not before:
            policy.get_child_watcher()
    except NotImplementedError:
        policy.get_child_watcher = before.get_child_watcher  # type: ignore[method-assign]
    except AttributeError:  # Python 3.14 has no watchers
        return


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


def read_plain_bytecode() -> None:
    """Let modules without bytecode for ``-OO`` be read from what they have without it, which Python checks as ever.

    Debian compiles its library and its packages without optimization alone, so the guest would compile what it imports
    of them at every start.
    """
    read, optimized = SourceFileLoader.get_data, f".opt-{sys.flags.optimize}.pyc"

    def get_data(loader: SourceFileLoader, path: str) -> bytes:
        try:
            return read(loader, path)
        except FileNotFoundError:
            plain = f"{path}".removesuffix(optimized)  # whoever asks for data may give a Path
            if plain == f"{path}":
                raise
        return read(loader, f"{plain}.pyc")

    SourceFileLoader.get_data = get_data  # type: ignore[method-assign,assignment]


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


def forget_shadowed(folders: Sequence[str]) -> set[str]:
    """Drop from ``sys.modules`` what the init imported and our folders bring in another version.

    The init goes on with the module objects that it holds. What else is preloaded and uses a dropped
    module goes too (the image's aiohttp on the app's yarl ends in a TypeError), and is imported again
    if the app asks for it.

    Returns:
        The top-level names that were dropped.
    """
    main = sys.modules.get("__main__")
    keep = {*_standard_names(), "__main__", __name__.partition(".")[0]}
    loaded: dict[str, list[ModuleType]] = {}
    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        if top not in keep and module is not main:
            loaded.setdefault(top, []).append(module)
    gone: set[str] = set()
    for folder in folders:
        gone.update(top for top in _names(folder) & loaded.keys() if not _is_same(sys.modules.get(top), folder))
    if gone:
        uses = {top: set().union(*map(_origins, modules)) for top, modules in loaded.items()}
        users = gone
        while users:
            users = {top for top in uses.keys() - gone if not gone.isdisjoint(uses[top])}
            gone |= users
    for name in list(sys.modules):
        if name.partition(".")[0] in gone:
            del sys.modules[name]
    return gone


def _is_same(module: ModuleType | None, folder: str) -> bool:
    """Tell whether a folder's copy of a module is the one that is loaded: the same files of the same sizes."""
    origin = getattr(module, "__file__", None)
    if module is None or not origin:
        return False
    loaded = Path(origin)
    try:
        if hasattr(module, "__path__"):
            return _sizes(loaded.parent) == _sizes(Path(folder, module.__name__))
        return loaded.stat().st_size == Path(folder, loaded.name).stat().st_size
    except OSError:  # a module here, a package there
        return False


def _sizes(folder: Path | str) -> dict[str, int]:
    """Give the size of each module in a package's folder, its subfolders included."""
    sizes: dict[str, int] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((".py", ".so")):
                sizes[entry.name] = entry.stat().st_size
            elif entry.name != "__pycache__" and entry.is_dir():
                sizes.update((f"{entry.name}/{name}", size) for name, size in _sizes(entry.path).items())
    return sizes


def _origins(module: ModuleType) -> set[str]:
    """Give the top-level names of the packages that a module's globals come from."""
    found = set()
    for value in list(vars(module).values()):
        if type(value) in _ORIGINLESS:
            continue
        try:
            origin = getattr(value, "__module__", None) or getattr(value, "__name__", None)
            found.add(origin.partition(".")[0])  # type: ignore[union-attr]
        except Exception:  # noqa: BLE001, S112 - most have neither; those of foreign objects may do anything
            continue
    return found


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
        self._kept = sys.stdout

    @staticmethod
    def is_swapped() -> bool:
        """Tell whether this is such an init."""
        return hasattr(sys.modules.get("__main__"), "redirect_stdout")

    def restore(self) -> None:
        """Undo the swap, at the start of every call."""
        if isinstance(sys.stdout, io.StringIO):
            sys.stdout = self._kept
        else:
            self._kept = sys.stdout
