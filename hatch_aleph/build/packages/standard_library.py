"""Bytecode of the standard library: the runtime's own has none that ``python -OO`` reads, and compiles at each start.

The image's recipe (``runtimes/aleph-debian-12-python/create_disk_image.sh`` in aleph-im/aleph-vm) compiles
``/usr/local/lib``, where Debian has no library. The guest's adapter looks here first. Each file holds the hash of its
source and is checked against it (PEP 552), so what the runtime has in another version is compiled there as before.

Only modules whose source is the runtime's own are worth having, and only these are the same wherever an interpreter of
one version comes from: distributions change files of theirs. So an image depends on the interpreter's version alone.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hatch_aleph.build.bytecode import TEST_FOLDERS, bytecode_path
from hatch_aleph.build.cache import key_of, touch
from hatch_aleph.build.compile_worker import CHECKED
from hatch_aleph.build.compiler import Compiler
from hatch_aleph.build.packages.module_pack import joined
from hatch_aleph.build.workplace import unwritten
from hatch_aleph.squashfs import Entry, Segment, SquashfsError, write_segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_aleph.build.cache import Cache
    from hatch_aleph.build.packages.recipe import Recipe

FORMAT = 3  # raised whenever the same library gives another segment
# What at least three of fifty much-used distributions import and the init has not loaded yet. All of the library would
# be some 4 MiB compressed instead of one, for modules that hardly a program imports.
_NAMES = (
    "_markupbase", "_strptime", "argparse", "colorsys", "concurrent/futures/thread", "configparser", "csv", "decimal",
    "difflib", "fractions", "gettext", "glob", "gzip", "hmac", "html", "http/cookiejar", "http/server", "importlib/abc",
    "importlib/metadata", "importlib/readers", "importlib/resources", "logging/config", "logging/handlers",
    "multiprocessing", "numbers", "pkgutil", "pprint", "pydoc", "queue", "runpy", "secrets", "socketserver",
    "stringprep", "sysconfig", "tarfile", "unittest", "wsgiref", "xml/__init__", "xml/etree", "zipfile", "zoneinfo",
)  # fmt: skip


def modules(library: Path) -> dict[str, Path]:
    """Return the modules that are worth having ready, by their path in a library."""
    found: dict[str, Path] = {}
    for name in _NAMES:
        files = [library / f"{name}.py", *sorted(library.joinpath(name).rglob("*.py"))]
        found.update((file.relative_to(library).as_posix(), file) for file in files if file.is_file())
    return {path: file for path, file in found.items() if TEST_FOLDERS.isdisjoint(path.split("/"))}


def source_digest(source: Path) -> str:
    """Return what a runtime's table holds of a source: enough of its hash, since Python compares it once more."""
    return hashlib.sha256(source.read_bytes()).hexdigest()[:16]


def sources(recipe: Recipe, tell: Callable[[str], None]) -> dict[str, Path]:
    """Return the modules that go into an image, by their path in the library.

    Args:
        recipe: Of the image. Who does not read such bytecode gets none.
        tell: Called with what is left out that an image should have.
    """
    interpreter, settings = recipe.interpreter, recipe.settings
    if interpreter is None or not settings.adapter or settings.interface == "executable":
        return {}
    found = modules(interpreter.library) if interpreter.library else {}
    if not found:
        where = interpreter.library or "it does not tell where"
        tell(
            f"The image holds no bytecode of the standard library: {interpreter.path} has none of its sources "
            f"({where}). What a program imports of it is compiled at each start."
        )
    known = recipe.runtime.library_hashes()
    if known is None:
        return found
    return {path: file for path, file in found.items() if source_digest(file) in known.get(path, ())}


def digest(sources: dict[str, Path]) -> str:
    """Return what stands for these modules' content; "" for none."""
    if not sources:
        return ""
    total = hashlib.sha256()
    for path, file in sources.items():
        total.update(f"{path} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def packed(sources: dict[str, Path], path_of_pack: str, recipe: Recipe, cache: Cache) -> Segment:
    """Return the bytecode as a segment of one pack, from the cache if it is there.

    Args:
        sources: The modules.
        path_of_pack: Where they lie in the image.
        recipe: Of the image; it has an interpreter where there are modules.
        cache: Where it is looked for and kept.

    Raises:
        HatchAlephError: When the interpreter breaks down.
        CacheError: When the segment cannot be written.
    """
    interpreter, runtime, options = recipe.interpreter, recipe.runtime, recipe.options
    assert interpreter is not None  # noqa: S101 - see sources
    key = key_of("standard library", FORMAT, digest(sources), recipe.key, path_of_pack)
    file = cache.file("library", key, ".segment")
    try:
        found = Segment.load(file)
    except SquashfsError:
        file.parent.mkdir(parents=True, exist_ok=True)
    else:
        touch(file)
        return found
    with Compiler(interpreter) as compiler:
        names = [f"/usr/lib/python{runtime.python}/{path}" for path in sources]
        made = compiler.submit(names, list(sources.values()), [2 | CHECKED] * len(names)).wait()
    places, size = {}, 0
    for path, content in zip(sources, made, strict=True):
        if content:
            places[bytecode_path(path, runtime)] = (size, len(content))
            size += len(content)
    pack = Entry(path_of_pack, "file", 0o644, joined({"": places}, made))
    try:
        return write_segment([pack], file, options)
    except SquashfsError as error:
        raise unwritten(error, file) or error from error
