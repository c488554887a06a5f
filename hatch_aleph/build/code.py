"""The code image: the project as its wheel would install it, the files its target selects, and the entry adapter."""

from __future__ import annotations

import difflib
import hashlib
import importlib.resources
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.artifact import Image, hash_file
from hatch_aleph.build.cautions import cautions
from hatch_aleph.build.entries import content_of
from hatch_aleph.build.secrets import refuse_secret_files
from hatch_aleph.build.selection import command_file, plain_modules, selected
from hatch_aleph.build.wheel import build_wheel, wheel_entries
from hatch_aleph.errors import ImageError, ProjectError, SettingsError
from hatch_aleph.hookspecs import hooks
from hatch_aleph.settings import CODE_MOUNT
from hatch_aleph.squashfs import Entry, Options, SquashfsError, write_image
from hatch_aleph.squashfs.codec import library_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hatch_aleph.project import Project
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings

FORMAT = 3  # raised whenever the same inputs give another image
ADAPTER = "aleph_entry"
# Hosts refuse larger archives: src/aleph/vm/controllers/firecracker/program.py in aleph-im/aleph-vm.
MAX_ZIP = 10_000_000


def build_code(
    project: Project,
    settings: Settings,
    runtime: Runtime,
    destination: Path,
    *,
    stem: str,
    packages_inputs: Callable[[], str],
    vendored: Callable[[str], bool],
    compile_entries: Callable[[list[Entry]], list[Entry]],
    metadata: Any = None,
    caution: Callable[[str], None] = lambda _: None,
) -> Image:
    """Write the code image.

    Args:
        project: Whose code it is.
        settings: Decide on adapter, interface and compression.
        runtime: Where it will run.
        destination: Folder that receives the image.
        stem: First part of its file name.
        packages_inputs: Gives the inputs digest of the packages image it belongs to, "" for none; asked for late, for
            that image may be in the making.
        vendored: Tells whether the packages image holds a module.
        compile_entries: Gives the bytecode of entries, to be added to them.
        metadata: hatchling's metadata when hatchling is calling.
        caution: Told what will not work in the guest as it does elsewhere.

    Raises:
        ProjectError: When the project cannot be built or holds nothing to run.
        SettingsError: When the entrypoint names no module of it.
        ImageError: When the image cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="hatch-aleph-") as folder:
        entries = _project_entries(project, settings, Path(folder), metadata)
    refuse_secret_files(entries, settings.secrets.allow, where=str(project.root))
    own = entries
    if settings.adapter:
        entries = [*entries, *adapter_entries()]
    entries = _unique(project, entries)
    if settings.bytecode:
        entries.extend(compile_entries(entries))
    inputs = packages_inputs()  # as late as can be
    _check_entrypoint(project, settings, own, vendored)
    for each in cautions(settings, own):
        caution(each)
    if settings.adapter:
        entries.append(adapter_settings(settings, inputs))
    digest = _digest(entries, settings, runtime)
    bare_executable = settings.interface == "executable" and not settings.adapter
    if bare_executable:
        image = destination / f"{stem}-code.zip"
        write_zip(entries, image)
        _check_zip_size(image)
    else:
        image = destination / f"{stem}-code.squashfs"
        options = Options(codec=settings.compression.codec, level=settings.compression.level, time=_time_of(digest))
        try:
            write_image(entries, image, options)
        except SquashfsError as error:
            raise ImageError(str(error), where=str(image)) from error
    hashes = hash_file(image)
    return Image(
        role="code",
        file=image.name,
        mount=CODE_MOUNT,
        encoding="zip" if bare_executable else "squashfs",
        sha256=hashes.sha256,
        cid=hashes.cid,
        size=hashes.size,
        inputs=digest,
    )


def _check_zip_size(image: Path) -> None:
    size = image.stat().st_size
    if size > MAX_ZIP:
        image.unlink()
        raise ImageError(
            f"a bare executable's archive has at most {MAX_ZIP:,} bytes, and this has {size:,}",
            where=str(image),
            hint="Leave the adapter on, or select fewer files.",
        )


def _project_entries(project: Project, settings: Settings, folder: Path, metadata: Any) -> list[Entry]:
    wheel = build_wheel(project, folder, metadata=metadata)
    entries = wheel_entries(wheel) if wheel else []
    entries.extend(selected(project))
    for given in hooks().aleph_extra_files(project=project, settings=settings):
        entries.extend(given)
    if settings.interface == "executable":
        entries.extend(command_file(project, settings.entrypoint))
    else:
        module = settings.entrypoint.partition(":")[0]
        if not _holds(entries, module):
            entries.extend(plain_modules(project, module))
    return entries


def _holds(entries: Iterable[Entry], module: str) -> bool:
    path = module.replace(".", "/")
    return any(
        entry.path in (f"{path}.py", f"{path}/__init__.py")
        or (entry.path.startswith(f"{path}.") and entry.path.endswith(".so"))
        for entry in entries
    )


def _check_entrypoint(
    project: Project, settings: Settings, entries: list[Entry], vendored: Callable[[str], bool]
) -> None:
    if settings.interface == "executable":
        if not entries:
            raise ProjectError(
                "there is nothing to run",
                where=str(project.root),
                hint='Select its files:\n\n[tool.hatch.build.targets.aleph]\ninclude = ["run.sh"]',
            )
        return
    module = settings.entrypoint.partition(":")[0]
    if _holds(entries, module) or vendored(module):
        return
    beside = (path.name for folder in ("", "src") for path in (project.root / folder).glob("*.py"))
    modules = sorted(
        {_module_of(path) for path in (*(entry.path for entry in entries), *beside) if path.endswith(".py")}
    )
    near = difflib.get_close_matches(module, modules, n=1)
    raise SettingsError(
        f"tool.aleph.entrypoint: the project has no module `{module}`"
        + (f"; did you mean `{near[0]}`?" if near else ""),
        where=str(project.root / "pyproject.toml"),
        hint=None if near else f"Its modules: {', '.join(modules[:8]) or 'none'}",
    )


def _module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def adapter_entries() -> list[Entry]:
    """Return the guest package under its name in the image."""
    return [
        Entry(f"{ADAPTER}/{item.name}", "file", 0o644, item.read_bytes())
        for item in sorted(importlib.resources.files("hatch_aleph.guest").iterdir(), key=lambda item: item.name)
        if item.name.endswith(".py")
    ]


def adapter_settings(settings: Settings, packages_inputs: str) -> Entry:
    """Return the adapter's settings as a module of constants, too small for bytecode to be worth waiting for."""
    constants = {
        "SECONDS": float(settings.timeout_seconds),
        "INTERFACE": settings.interface,
        "PACKAGES": packages_inputs,
        "PORT": 8080,
    }
    text = "".join(f"{name} = {value!r}\n" for name, value in constants.items())
    return Entry(f"{ADAPTER}/_settings.py", "file", 0o644, text.encode())


def _unique(project: Project, entries: list[Entry]) -> list[Entry]:
    """Sort by path; the same file selected twice counts once, two different ones under one path are an error."""
    found: dict[str, Entry] = {}
    for entry in entries:
        other = found.setdefault(entry.path, entry)
        if other is not entry and content_of(other) != content_of(entry):
            raise ProjectError(f"two different files would both be {entry.path} in the image", where=str(project.root))
    return [found[path] for path in sorted(found)]


def _time_of(digest: str) -> int:
    """Return the time that all files of an image have, in seconds since 1970, made from what is in it.

    Servers make entity tags of a file's time and size: with one time for ever, a browser would keep what it has of a
    file that changed in content alone. Equal inputs still give equal images. All such times lie from 2017 to 2025.
    """
    return 1_500_000_000 + int(digest[:7], 16)


def _digest(entries: list[Entry], settings: Settings, runtime: Runtime) -> str:
    compression = settings.compression
    library = library_version(compression.codec)
    head = f"code {FORMAT} {compression.codec} {library} {compression.level} {runtime.python}\n"
    digest = hashlib.sha256(head.encode())
    for entry in entries:
        content = hashlib.sha256(content_of(entry)).hexdigest()
        digest.update(f"{entry.path!r} {entry.mode:o} {content}\n".encode())
    return digest.hexdigest()


def write_zip(entries: list[Entry], image: Path) -> None:
    """Write files as a zip archive: the code of an executable without the adapter."""
    import zipfile

    temporary = image.with_name(f".{image.name}.part")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry in entries:
                item = zipfile.ZipInfo(entry.path)
                item.external_attr = (0o100000 | entry.mode) << 16
                item.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(item, content_of(entry))
        temporary.replace(image)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ImageError(error.strerror or str(error), where=str(image)) from error
