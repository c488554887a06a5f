"""The bytecode of a distribution in one file: a start reads it in few requests, and finds modules without searching.

Beside the code of modules a pack says what each folder offers for import, extensions included, so that the guest's
adapter need not list it (``hatch_aleph/guest/packed_modules.py``). What it is not sure of it names without saying more:
there Python's own finder goes on.
"""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING, Any

from hatch_aleph.build.bytecode import PYC_HEADER, bytecode_path
from hatch_aleph.squashfs import Entry
from hatch_aleph.wheel_file import OWN_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hatch_aleph.build.packages.recipe import Recipe
    from hatch_aleph.runtimes import Runtime

FOLDER = f"{OWN_FOLDER}/modules"
INDEX = f"{FOLDER}/index"
_SOURCE = 3  # place of ".py" among the suffixes of _candidate
_PLAIN = 2  # marshal's format without references: the same bytes by every Python

Found = dict[str, dict[str, Any]]


def pack_of(name: str, entries: Iterable[Entry], bytecode: Sequence[Entry], runtime: Runtime) -> Entry:
    """Return the pack of a distribution.

    Args:
        name: Of the distribution, normalised.
        entries: Its files.
        bytecode: Of its sources; those without are left to Python.
        runtime: Whose Python imports it.
    """
    code = {entry.path: entry.read()[PYC_HEADER:] for entry in bytecode}
    bodies: list[bytes] = []
    folders: Found = {}
    size = 0
    for path in sorted(entry.path for entry in entries if entry.kind == "file"):
        candidates = _candidates(path, runtime)
        body = code.get(bytecode_path(path, runtime)) if candidates and path.endswith(".py") else None
        for folder, module, rank, package in candidates:
            value: Any = None
            if body is not None:
                value = (size, len(body), int(package))
            elif not package and rank < _SOURCE:
                value = path.rpartition("/")[2]
            offered = folders.setdefault(folder, {})
            if module not in offered or rank < offered[module][0]:
                offered[module] = (rank, value)
        if body is not None:
            bodies.append(body)
            size += len(body)
    found = {folder: {name: value for name, (_, value) in each.items()} for folder, each in folders.items()}
    return Entry(f"{FOLDER}/{name}", "file", 0o644, joined(found, bodies))


def joined(folders: Mapping[str, Mapping[str, Any]], bodies: Iterable[bytes]) -> bytes:
    """Return a pack: the length of its table, the table by folder, and what the table's offsets count from.

    A folder's part of the table is bytes of its own, read when something of that folder is asked for.
    """
    table = {folder: marshal.dumps(dict(sorted(each.items())), _PLAIN) for folder, each in sorted(folders.items())}
    head = marshal.dumps(table, _PLAIN)
    return b"".join([len(head).to_bytes(4, "little"), head, *bodies])


def index_of(modules: Mapping[str, Sequence[str]], recipe: Recipe) -> Entry:
    """Return what tells the guest which packs there are: the top-level modules of each distribution.

    Its first line says which Python reads them, and how far they are optimized: who runs without must not get code
    that lacks its docstrings.
    """
    lines = [
        f"{recipe.runtime.python} {2 if recipe.settings.optimize else 0}",
        *(" ".join((name, *each)) for name, each in modules.items()),
    ]
    return Entry(INDEX, "file", 0o644, "".join(f"{line}\n" for line in lines).encode())


def _candidates(path: str, runtime: Runtime) -> list[tuple[str, str, int, bool]]:
    """Return what a file is to an import: the folder it is offered in, the module, its rank there, whether a package.

    A package's own file is offered twice: some import it by its name, ``from package.__init__ import x``.

    Source: ``FileFinder.find_spec`` in CPython's ``Lib/importlib/_bootstrap_external.py``: packages come first, then
    extensions, sources, bytecode without a source.
    """
    folder, _, name = path.rpartition("/")
    parent, _, package = folder.rpartition("/")
    tag = f".cpython-{runtime.python.replace('.', '')}-{runtime.architecture}-linux-gnu.so"
    suffixes = (tag, ".abi3.so", ".so", ".py", ".pyc")
    rank, suffix = next(((rank, each) for rank, each in enumerate(suffixes) if name.endswith(each)), (0, ""))
    module = name[: -len(suffix)] if suffix else ""
    if "." in module or not module or package == "__pycache__":
        return []
    found = [(folder, module, rank, False)]
    if module == "__init__" and package:
        found.append((parent, package, rank - len(suffixes), True))
    return found
