"""Files become a code image: adapter and bytecode added, one file under each path, written as squashfs or zip."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import marshal
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hatch_aleph.build.bytecode import FORMAT as BYTECODE
from hatch_aleph.build.bytecode import PYC_HEADER, bytecode_path, compile_entries, source_path
from hatch_aleph.build.cache import key_of
from hatch_aleph.commands import typed
from hatch_aleph.errors import ImageError, ProjectError
from hatch_aleph.files import atomic_path
from hatch_aleph.settings import CODE_MOUNT
from hatch_aleph.settings.entry_points import ADAPTER as ADAPTER  # noqa: PLC0414 - others take it from here
from hatch_aleph.settings.rules import EXECUTABLE_PORT, MAX_ARCHIVE
from hatch_aleph.shapes import OTHERS, TEXT
from hatch_aleph.squashfs import Entry, Options, SquashfsError, write_image
from hatch_aleph.squashfs.codec import library_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from hatch_aleph.build.cache import Cache
    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings

# Where the guest unpacks an archive (aleph-im/aleph-vm, runtimes/aleph-debian-12-python/init1.py).
ZIP_MOUNT = "/opt"

FORMAT = 7  # raised whenever the same inputs give another image
# The adapter's modules that every start needs, each behind those that it imports (hatch_aleph/guest/__init__.py).
BUNDLE = (
    "configuration", "native_threads", "response", "scope", "request_cycle", "packed_modules", "interpreter_setup",
    "eager_task", "entry", "instruction_reader", "entrypoint", "read_ahead", "written_code", "interfaces", "lifespan",
    "asgi",
)  # fmt: skip


@dataclass(frozen=True)
class Packed:
    """A code image.

    Attributes:
        file: Where it is.
        encoding: How it is written: zip for bare executables, which the guest must unpack to make them run, and for
            programs whose message says so.
        inputs: Digest of what decides its bytes.
    """

    file: Path
    encoding: Literal["squashfs", "zip"]
    inputs: str


def pack_code(
    entries: Iterable[Entry],
    settings: Settings,
    runtime: Runtime,
    stem: Path,
    *,
    where: str,
    interpreter: Interpreter | None,
    cache: Cache,
    packages_inputs: Callable[[], str] = lambda: "",
    encoding: Literal["squashfs", "zip"] = "squashfs",
) -> Packed:
    """Write a program's files as a code image.

    Args:
        entries: Its files.
        settings: Decide on adapter, bytecode and compression.
        runtime: Where it will run.
        stem: The image's path without its suffix.
        where: What to name in errors.
        interpreter: Makes the bytecode; None for none.
        cache: Has the adapter's bytecode, once it was made.
        packages_inputs: Gives the inputs digest of the packages image it belongs to, "" for none; asked for late, for
            that image may be in the making.
        encoding: How it is to be written; a bare executable is a zip archive in any case.

    Raises:
        ProjectError: When two different files have one path, or one has the adapter's.
        ImageError: When the image cannot be written, or is too large for the guest.
    """
    files = list(entries)
    adapter = _adapter() if settings.adapter else []
    if adapter:
        if any(entry.path.split("/")[0] in (ADAPTER, f"{ADAPTER}.py") for entry in files):
            raise ProjectError(f"The project has a module {ADAPTER}, which is the adapter's name", where=where)
        files += adapter
    files = _unique(files, where)
    if interpreter and not settings.is_bare_executable:  # whose interpreter, if it has one, is not the init's
        mount = ZIP_MOUNT if encoding == "zip" else CODE_MOUNT
        own = [entry for entry in files if not (adapter and entry.path.startswith(f"{ADAPTER}/"))]
        made = compile_entries(own, mount, runtime, interpreter, lambda _: 2 if settings.optimize else 0)
        made += _compiled_adapter(adapter, mount, runtime, interpreter, cache) if adapter else []
        files += bundled(sorted(made, key=lambda each: source_path(each.path)), runtime)
    inputs = packages_inputs()
    if settings.adapter:
        files.append(_adapter_settings(settings, inputs))
    digest = _digest(files, settings, runtime)
    if settings.is_bare_executable or encoding == "zip":
        image = stem.with_name(f"{stem.name}.zip")
        _write_zip(files, image, where)
        try:
            check_zip_size(image)
        except ImageError:
            image.unlink()
            raise
        return Packed(image, "zip", digest)
    image = stem.with_name(f"{stem.name}.squashfs")
    options = Options(codec=settings.compression.codec, level=settings.compression.level, time=time_of(digest))
    try:
        write_image(files, image, options)
    except SquashfsError as error:
        if isinstance(error.__cause__, OSError):
            raise ImageError.unwritable(image, error) from error
        raise ImageError(f"The project does not fit into an image: {error}", where=where) from error
    return Packed(image, "squashfs", digest)


def check_zip_size(archive: Path) -> None:
    """Refuse an archive that hosts would refuse.

    Raises:
        ImageError: It is too large.
    """
    size = archive.stat().st_size
    if size > MAX_ARCHIVE:
        raise ImageError(
            f"The archive has {size:,} bytes, and hosts run zip code up to {MAX_ARCHIVE:,}",
            where=str(archive),
            hint=f"An image may be larger: {typed('create')} packs a folder as one, with the adapter.",
        )


def _adapter() -> list[Entry]:
    """Return the guest package under its name in the image."""
    guest = importlib.resources.files("hatch_aleph.guest")
    files = {item.name: item for item in guest.iterdir()}
    files.update((f"child/{item.name}", item) for item in (guest / "child").iterdir())
    return [
        Entry(f"{ADAPTER}/{name}", "file", 0o644, files[name].read_bytes())
        for name in sorted(files)
        if name.endswith(".py")
    ]


def _compiled_adapter(
    adapter: list[Entry], mount: str, runtime: Runtime, interpreter: Interpreter, cache: Cache
) -> list[Entry]:
    """Return the adapter's bytecode, which is the same for every program: kept, once an interpreter has made it.

    Nobody asks for the adapter's docstrings.
    """
    key = key_of(BYTECODE, mount, interpreter.identity, [(entry.path, entry.sha256()) for entry in adapter])
    kept: dict[str, str] | None = cache.load("adapters", key, {OTHERS: TEXT})
    if kept is None:
        made = compile_entries(adapter, mount, runtime, interpreter, lambda _: 2)
        kept = {entry.path: base64.b64encode(entry.read()).decode() for entry in made}
        if len(kept) == len(adapter):  # none that failed for want of memory, say
            cache.store("adapters", key, kept)
    return [Entry(path, "file", 0o644, base64.b64decode(text)) for path, text in kept.items()]


def bundled(bytecode: list[Entry], runtime: Runtime) -> list[Entry]:
    """Put the bytecode of the adapter's modules that every start needs into one file, in place of one each."""
    by_path = {entry.path: entry for entry in bytecode}
    bodies = []
    for name in BUNDLE:
        entry = by_path.pop(bytecode_path(f"{ADAPTER}/{name}.py", runtime), None)
        if entry is None:  # no adapter
            return bytecode
        bodies.append((name, entry.read()[PYC_HEADER:]))
        if name == "packed_modules":  # which processes that the app starts import alone
            by_path[entry.path] = entry
    path = f"{ADAPTER}/__pycache__/{ADAPTER}.cpython-{runtime.python.replace('.', '')}.bundle"
    plain = 2  # marshal's format without references: the same bytes by every Python
    return [*by_path.values(), Entry(path, "file", 0o644, marshal.dumps(bodies, plain))]


def _adapter_settings(settings: Settings, packages_inputs: str) -> Entry:
    """Return the adapter's settings as a module of constants, too small for bytecode to be worth waiting for."""
    constants = {
        "SECONDS": float(settings.timeout_seconds),
        "INTERFACE": settings.interface,
        "PACKAGES": packages_inputs,
        "PORT": EXECUTABLE_PORT,
        "LISTENS": settings.health.answers,
        "LAZY": settings.lazy,
        "VOLUMES": tuple(each.mount for each in settings.volumes.persistent if each.flush),
    }
    text = "".join(f"{name} = {value!r}\n" for name, value in constants.items())
    return Entry(f"{ADAPTER}/_settings.py", "file", 0o644, text.encode())


def _unique(entries: Iterable[Entry], where: str) -> list[Entry]:
    """Sort by path; the same file selected twice counts once, two different ones under one path are an error."""
    found: dict[str, Entry] = {}
    for entry in entries:
        other = found.setdefault(entry.path, entry)
        if other is not entry and other.sha256() != entry.sha256():
            raise ProjectError(f"Two different files would both be {entry.path} in the image", where=where)
    folders = set[str]()
    for path in found:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    for path in sorted(folders & found.keys()):
        if found[path].kind != "directory":
            raise ProjectError(f"{path} would be both a file and a folder in the image", where=where)
    return [found[path] for path in sorted(found)]


def time_of(digest: str) -> int:
    """Return the time that all files of an image have, in seconds since 1970, made from what is in it.

    Servers make entity tags of a file's time and size: with one time for ever, a browser would keep what it has of a
    file that changed in content alone. Equal inputs still give equal images. All such times lie from 2017 to 2025.
    """
    return 1_500_000_000 + int(digest[:7], 16)


def _digest(entries: Iterable[Entry], settings: Settings, runtime: Runtime) -> str:
    compression = settings.compression
    library = library_version(compression.codec)
    head = f"code {FORMAT} {compression.codec} {library} {compression.level} {runtime.python}\n"
    digest = hashlib.sha256(head.encode())
    for entry in entries:
        digest.update(f"{entry.path!r} {entry.mode:o} {entry.sha256()}\n".encode())
    return digest.hexdigest()


def _write_zip(entries: Iterable[Entry], image: Path, where: str) -> None:
    """Write files as a zip archive; the same files give the same bytes."""
    import zipfile

    try:
        with atomic_path(image) as unfinished, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry in entries:
                if entry.kind == "symlink":
                    raise ProjectError(
                        f"Links are not packed into a zip archive: {entry.path}",
                        where=where,
                        hint="Put the file itself in the link's place.",
                    )
                if entry.kind == "directory":
                    continue
                item = zipfile.ZipInfo(entry.path)
                item.create_system = 3  # modes are Unix's, wherever this runs
                item.external_attr = (0o100000 | entry.mode) << 16
                item.compress_type = zipfile.ZIP_DEFLATED
                with entry.open() as content, archive.open(item, "w") as member:
                    shutil.copyfileobj(content, member)
    except OSError as error:
        raise ImageError.unwritable(image, error) from error
