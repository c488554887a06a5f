"""Import the packages' modules from one file a distribution, found through a table in place of the file system.

A finder for the folders of the packages image stands in front of Python's own for them: the order of ``sys.path``, the
paths of packages, hooks that an app installs and ``importlib.invalidate_caches`` work as ever. Modules come from the
packs that the build made (``hatch_aleph/build/packages/module_pack.py``); in all else, and in whatever a pack
does not know for sure, these finders and loaders are Python's own.
"""

from __future__ import annotations

import _imp
import marshal
import os
import sys
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_LOADERS: Any = (
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (SourceFileLoader, SOURCE_SUFFIXES),
    (SourcelessFileLoader, BYTECODE_SUFFIXES),
)
# As SourceFileLoader does: tracebacks show where the source lies, wherever the image is mounted.
_set_file_name: Callable[[Any, str], None] = getattr(_imp, "_fix_co_filename", lambda _code, _path: None)
FOLDER = ".aleph/modules"
_CACHED = f".{sys.implementation.cache_tag}{f'.opt-{sys.flags.optimize}' if sys.flags.optimize else ''}.pyc"  # PEP 488
# Take what lies beside the code of modules: an app's start does (written_code.py), other processes do not.
beside_modules: list[dict[str, bytes]] = []
# Told of each pack that is read for the first time: read_ahead.py reads on.
begun_packs: list[Callable[[str], None]] = []


def install(packages_root: str) -> bool:
    """Let the modules of a packages image come from its packs; tell whether it has any that fit this interpreter."""
    packs = read_index(packages_root)
    if not packs:
        return False
    root = f"{packages_root}/"

    def hook(path: str) -> PackFinder:
        folder = path[len(root) :] if path.startswith(root) else "" if path == packages_root else None
        if folder is None or not (folder == "" or any(folder in pack.table for pack in packs.of(folder))):
            raise ImportError(path)  # the next hook is asked
        return PackFinder(path, folder, packs)

    sys.path_hooks.insert(0, hook)
    for path in list(sys.path_importer_cache):
        if path == packages_root or path.startswith(root):
            del sys.path_importer_cache[path]
    return True


class Pack:
    """One file of modules.

    Args:
        path: Where it is.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: tuple[dict[str, bytes], int] | None = None
        self._folders: dict[str, dict[str, Any]] = {}

    @property
    def table(self) -> dict[str, bytes]:
        """What each folder offers, still packed; nothing when the file cannot be read."""
        return self._open()[0]

    def _open(self) -> tuple[dict[str, bytes], int]:
        """Give the table and where the modules begin; in one assignment, for threads import at once."""
        if self._known is None:
            try:
                length = int.from_bytes(_read(self._path, 0, 4), "little")
                self._known = marshal.loads(_read(self._path, 4, length)), 4 + length  # noqa: S302 - of our own image
            except (OSError, EOFError, ValueError, TypeError):
                self._known = {}, 0
            else:
                for begin in begun_packs:
                    begin(self._path)
        return self._known

    def folder(self, name: str) -> dict[str, Any]:
        """Give what a folder offers: place and length of modules, whether packages; file names of extensions; None."""
        found = self._folders.get(name)
        if found is None:
            packed = self.table.get(name)
            found = self._folders[name] = marshal.loads(packed) if packed else {}  # noqa: S302 - likewise
        return found

    def read(self, offset: int, size: int) -> bytes:
        """Read a module."""
        return _read(self._path, self._open()[1] + offset, size)


def _read(path: str, position: int, size: int) -> bytes:
    """Read a part of a file; no descriptor stays open, for the init unmounts the image at the end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, size, position)
    finally:
        os.close(descriptor)


class Packs:
    """All packs of an image, by the top-level names that they have to do with."""

    def __init__(self, tops: dict[str, list[Pack]]) -> None:
        self._tops = tops

    def __bool__(self) -> bool:
        return bool(self._tops)

    def of(self, folder: str) -> list[Pack]:
        """Give the packs that may know of a folder or a top-level module."""
        return self._tops.get(folder.partition("/")[0], [])

    def find(self, folder: str, module: str) -> tuple[Pack, Any] | None:
        """Find what a folder offers under a name; None when that is not sure: several distributions bring it."""
        found = None
        for pack in self.of(folder or module):
            offered = pack.folder(folder)
            if module in offered:
                if found is not None:
                    return None
                found = pack, offered[module]
        return found


def read_index(packages_root: str) -> Packs:
    """Read which packs an image has; none when they are of another Python, or lack docstrings that are wanted here."""
    tops: dict[str, list[Pack]] = {}
    folder = f"{packages_root}/{FOLDER}"
    try:
        with open(f"{folder}/index", encoding="utf-8") as file:  # noqa: PTH123 - at every cold start
            python, optimization = next(file).split()
            if python == "{}.{}".format(*sys.version_info) and int(optimization) <= sys.flags.optimize:
                for line in file:
                    name, *modules = line.split()
                    pack = Pack(f"{folder}/{name}")
                    for each in modules:
                        tops.setdefault(each, []).append(pack)
    except (OSError, ValueError, StopIteration):
        return Packs({})
    return Packs(tops)


class PackFinder(FileFinder):
    """Finds the modules of one folder.

    Args:
        path: The folder.
        folder: The same, in the image.
        packs: What is looked up.
    """

    def __init__(self, path: str, folder: str, packs: Packs) -> None:
        super().__init__(path, *_LOADERS)
        self._folder = folder
        self._packs = packs

    def find_spec(self, fullname: str, target: Any = None) -> ModuleSpec | None:
        """Find a module as ``FileFinder`` does."""
        module = fullname.rpartition(".")[2]
        found = self._packs.find(self._folder, module)
        if found is None or found[1] is None:
            return super().find_spec(fullname, target)
        pack, value = found
        base = f"{self.path}/{module}"
        package = False
        loader: ExtensionFileLoader | PackedLoader
        if isinstance(value, str):
            path = f"{self.path}/{value}"
            loader = ExtensionFileLoader(fullname, path)
        else:
            offset, size, package = value
            path = f"{base}/__init__.py" if package else f"{base}.py"
            loader = PackedLoader(fullname, path, pack, offset, size)
        # As importlib.util.spec_from_file_location does, which few programs but for us would import.
        spec = ModuleSpec(fullname, loader, origin=path, is_package=bool(package))
        spec.has_location = True
        if package:
            spec.submodule_search_locations = [base]
        if type(loader) is PackedLoader and not sys.pycache_prefix:
            # As importlib.util.cache_from_source says, which takes as long as all the rest here.
            folder, _, name = path.rpartition("/")
            spec.cached = f"{folder}/__pycache__/{name[:-3]}{_CACHED}"
        return spec


class PackedLoader(SourceFileLoader):
    """Loads a module whose code lies in a pack; the source lies where it says, for whoever wants to see it.

    Args:
        fullname: The module.
        path: Its source.
        pack: Holds its code.
        offset: Where.
        size: How long.
    """

    def __init__(self, fullname: str, path: str, pack: Pack, offset: int, size: int) -> None:
        super().__init__(fullname, path)
        self._place = pack, offset, size

    def get_code(self, fullname: str) -> Any:
        """Give the code; what cannot be read is compiled from its source."""
        path = self.get_filename(fullname)
        pack, offset, size = self._place
        try:
            code = marshal.loads(pack.read(offset, size))  # noqa: S302 - our own image, like its bytecode
        except (OSError, EOFError, ValueError, TypeError):
            return super().get_code(fullname)
        if type(code) is tuple:
            code, beside = code
            for each in beside_modules:
                each.update(marshal.loads(beside))  # noqa: S302 - likewise
        _set_file_name(code, path)
        return code
