"""The code image: the project as its wheel would install it, the files its target selects, and the entry adapter."""

from __future__ import annotations

import difflib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.artifact import Image, hash_file
from hatch_aleph.build.cautions import cautions
from hatch_aleph.build.packing import pack_code
from hatch_aleph.build.secrets import refuse_secret_files
from hatch_aleph.build.selection import command_file, plain_modules, selected
from hatch_aleph.build.wheel import build_wheel, wheel_entries
from hatch_aleph.errors import ProjectError, SettingsError
from hatch_aleph.hookspecs import hooks
from hatch_aleph.settings import CODE_MOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.project import Project
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings
    from hatch_aleph.squashfs import Entry


def build_code(
    project: Project,
    settings: Settings,
    runtime: Runtime,
    destination: Path,
    *,
    stem: str,
    packages_inputs: Callable[[], str],
    vendored: Callable[[str], bool],
    interpreter: Interpreter | None = None,
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
        interpreter: Makes the bytecode; None for none.
        metadata: hatchling's metadata when hatchling is calling.
        caution: Told what will not work in the guest as it does elsewhere.

    Raises:
        ProjectError: When the project cannot be built or holds nothing to run.
        SettingsError: When the entrypoint names no module of it.
        ImageError: When the image cannot be written.
    """
    where = str(project.root)
    with tempfile.TemporaryDirectory(prefix="hatch-aleph-") as folder:
        entries = _project_entries(project, settings, Path(folder), metadata)
    refuse_secret_files(entries, settings.secrets.allow, where=where)
    _check_entrypoint(project, settings, entries, vendored)
    for each in cautions(settings, entries, runtime):
        caution(each)
    packed = pack_code(
        entries,
        settings,
        runtime,
        destination / f"{stem}-code",
        where=where,
        interpreter=interpreter,
        packages_inputs=packages_inputs,
    )
    hashes = hash_file(packed.file)
    return Image(
        role="code",
        file=packed.file.name,
        mount=CODE_MOUNT,
        encoding=packed.encoding,
        sha256=hashes.sha256,
        cid=hashes.cid,
        size=hashes.size,
        inputs=packed.inputs,
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
