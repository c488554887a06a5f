"""The code image: the project as its wheel would install it, the files its target selects, and the entry adapter."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.artifact import Image, hash_file
from hatch_aleph.build.cautions import cautions
from hatch_aleph.build.entrypoint import holds_module, missing_attribute, nearest_module
from hatch_aleph.build.packing import pack_code
from hatch_aleph.build.secrets import refuse_secret_files
from hatch_aleph.build.selection import command_file, plain_modules, selected
from hatch_aleph.build.wheel import build_wheel, wheel_entries
from hatch_aleph.errors import ProjectError, SettingsError
from hatch_aleph.hookspecs import hooks
from hatch_aleph.settings import CODE_MOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

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
        if not holds_module((entry.path for entry in entries), module):
            entries.extend(plain_modules(project, module))
    return entries


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
    file = str(project.root / "pyproject.toml")
    module = settings.entrypoint.partition(":")[0]
    paths = [entry.path for entry in entries]
    if holds_module(paths, module):
        wrong = missing_attribute(entries, settings.entrypoint)
        if wrong:
            raise SettingsError(f"tool.aleph.entrypoint: {wrong}", where=file)
        return
    if vendored(module):
        return
    beside = (path.name for folder in ("", "src") for path in (project.root / folder).glob("*.py"))
    near, modules = nearest_module((*paths, *beside), module)
    raise SettingsError(
        f"tool.aleph.entrypoint: the project has no module `{module}`" + (f"; did you mean `{near}`?" if near else ""),
        where=file,
        hint=None if near else f"Its modules: {', '.join(modules[:8]) or 'none'}",
    )
