"""The code image: the project as its wheel would install it, the files its target selects, and the entry adapter."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.artifact import Image
from hatch_aleph.build.code_image import pack_code
from hatch_aleph.build.compatibility import incompatibilities
from hatch_aleph.build.entrypoint import holds_module, missing_attribute, nearest_module
from hatch_aleph.build.secrets import refuse_secret_files
from hatch_aleph.build.selection import command_file, plain_modules, selected
from hatch_aleph.build.wheel import project_entries
from hatch_aleph.errors import ProjectError, SettingsError
from hatch_aleph.settings import CODE_MOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.build.context import BuildContext
    from hatch_aleph.build.packages import PackagesResult
    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.squashfs import Entry


def build_code(
    context: BuildContext, folder: Path, interpreter: Interpreter | None, packages: Callable[[], PackagesResult]
) -> Image:
    """Write the code image.

    Args:
        context: The build.
        folder: Receives the image.
        interpreter: Makes the bytecode; None for none.
        packages: Gives the packages that it belongs to; asked for late, for their image may be in the making.

    Raises:
        ProjectError: When the project cannot be built or holds nothing to run.
        SettingsError: When the entrypoint names no module of it.
        ImageError: When the image cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="hatch-aleph-") as scratch:  # holds the wheel's files until they are read
        return _write(context, _entries(context, Path(scratch)), folder, interpreter, packages)


def _write(
    context: BuildContext,
    entries: list[Entry],
    folder: Path,
    interpreter: Interpreter | None,
    packages: Callable[[], PackagesResult],
) -> Image:
    settings, where = context.settings, str(context.project.root)
    refuse_secret_files(entries, settings.secrets.allow, where=where)
    _check_entrypoint(context, entries, packages)
    context.warn(*incompatibilities(settings, entries, context.runtime))
    packed = pack_code(
        entries,
        settings,
        context.runtime,
        folder / f"{context.stem}-code",
        where=where,
        interpreter=interpreter,
        packages_inputs=lambda: packages().inputs,
    )
    return Image.of("code", packed.file, mount=CODE_MOUNT, inputs=packed.inputs, encoding=packed.encoding)


def _entries(context: BuildContext, folder: Path) -> list[Entry]:
    project, settings = context.project, context.settings
    entries = [*project_entries(context, folder), *selected(project), *context.extra_files]
    if settings.interface == "executable":
        entries.extend(command_file(project, settings.entrypoint))
    else:
        module = settings.entrypoint.partition(":")[0]
        if not holds_module((entry.path for entry in entries), module):
            entries.extend(plain_modules(project, module))
    return entries


def _check_entrypoint(context: BuildContext, entries: list[Entry], packages: Callable[[], PackagesResult]) -> None:
    project, settings = context.project, context.settings
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
    if packages().holds(module):
        return
    beside = (path.name for folder in ("", "src") for path in (project.root / folder).glob("*.py"))
    near, modules = nearest_module((*paths, *beside), module)
    raise SettingsError(
        f"tool.aleph.entrypoint: the project has no module `{module}`" + (f"; did you mean `{near}`?" if near else ""),
        where=file,
        hint=None if near else f"Its modules: {', '.join(modules[:8]) or 'none'}",
    )
