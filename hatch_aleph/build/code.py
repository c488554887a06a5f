"""The code image: the project as its wheel would install it, the files its target selects, and the entry adapter."""

from __future__ import annotations

import re
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from hatch_aleph.artifact import Image
from hatch_aleph.build.checkout import empty_submodules
from hatch_aleph.build.code_image import pack_code
from hatch_aleph.build.compatibility import incompatibilities
from hatch_aleph.build.entrypoint_kind import no_app
from hatch_aleph.build.links import refuse_links_out
from hatch_aleph.build.module_lookup import holds_module, missing_attribute, nearest_module
from hatch_aleph.build.selection import command_files, left_out, named_module, plain_modules, script_modules, selected
from hatch_aleph.build.wheel import project_entries
from hatch_aleph.errors import ProjectError, SettingsError
from hatch_aleph.files import scratch_folder
from hatch_aleph.secrets import check_entries
from hatch_aleph.settings import CODE_MOUNT
from hatch_aleph.settings.executable_command import Command, read_command
from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.build.context import BuildContext
    from hatch_aleph.build.packages import PackagesResult
    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.squashfs import Entry

_NAME = re.compile(r"[A-Za-z0-9._-]+")  # of a requirement


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
    settings, root = context.settings, context.project.root
    command = read_command(settings.entrypoint) if settings.interface == "executable" else None
    with scratch_folder() as scratch:  # holds the wheel's files until they are read
        entries = _entries(context, command, scratch)
        refuse_links_out(root, entries, settings.allow_links)
        check_entries(entries, context.harmless, where=str(root))
        _check_entrypoint(context, command, entries, packages)
        declared = {normalize(name[0]) for text in context.project.dependencies if (name := _NAME.match(text))}
        context.warn(*incompatibilities(settings, entries, context.runtime, declared), *empty_submodules(root))
        packed = pack_code(
            entries,
            settings,
            context.runtime,
            folder / f"{context.stem}-code",
            where=str(root),
            interpreter=interpreter,
            cache=context.cache,
            packages_inputs=lambda: packages().inputs,
        )
    return Image.of("code", packed.file, mount=CODE_MOUNT, inputs=packed.inputs, encoding=packed.encoding)


def _entries(context: BuildContext, command: Command | None, folder: Path) -> list[Entry]:
    project = context.project
    entries = [*project_entries(context, folder), *selected(context), *context.extra_files]
    named = command.application or command.module if command else context.settings.entrypoint
    if command and not command.application and (given := named_module(project, command)):
        named = given
    if command:
        script = str(PurePosixPath(command.file)) if command.file.endswith(".py") else ""
        is_plain = script and script not in {entry.path for entry in entries}
        entries.extend(command_files(project, command, entries))
        if is_plain:
            paths = {entry.path for entry in entries}
            entries.extend(entry for entry in script_modules(project, script) if entry.path not in paths)
    module = named.partition(":")[0]
    beside = module and not holds_module((entry.path for entry in entries), module)
    if beside:
        entries.extend(plain_modules(project, module))
    if beside or command:
        context.warn(*left_out(context, entries))
    return entries


def _wrong(context: BuildContext, problem: object, hint: str | None = None) -> SettingsError:
    where = str(context.project.root / "pyproject.toml")
    return SettingsError(f"tool.aleph.entrypoint: {problem}", where=where, hint=hint)


def _check_entrypoint(
    context: BuildContext, command: Command | None, entries: list[Entry], packages: Callable[[], PackagesResult]
) -> None:
    if command is None:
        _check_module(context, entries, packages, context.settings.entrypoint)
        return
    paths = {entry.path for entry in entries}
    if command.file and not command.file.startswith("/") and str(PurePosixPath(command.file)) not in paths:
        raise _wrong(context, f"the project has no file {command.file}")
    if command.application:
        _check_module(context, entries, packages, command.application)
    module = command.module
    known = module.partition(".")[0] in {*sys.stdlib_module_names, *context.runtime.preloaded}
    if module and not known and not packages().holds(module) and not packages().holds(f"{module}.__main__"):
        _check_module(context, entries, packages, module)
    if all(".dist-info/" in path for path in paths) and not (
        packages().holds(module) if module else packages().has_command(command.program)
    ):
        missed = next(left_out(context, entries), "")
        raise ProjectError(
            "The code image would hold nothing of the project.",
            where=str(context.project.root),
            hint=missed[:1].upper() + missed[1:]
            or 'Select its files:\n\n[tool.hatch.build.targets.aleph]\ninclude = ["run.sh"]',
        )


def _check_module(
    context: BuildContext, entries: list[Entry], packages: Callable[[], PackagesResult], entrypoint: str
) -> None:
    root = context.project.root
    module = entrypoint.partition(":")[0]
    paths = [entry.path for entry in entries]
    if holds_module(paths, module):
        if ":" in entrypoint and (missing := missing_attribute(entries, entrypoint)):
            raise _wrong(context, missing)
        judged = context.settings.adapter and context.settings.interface != "executable"
        if judged and (refused := no_app(entries, entrypoint)):
            raise _wrong(context, f"{refused}.")
        return
    if packages().holds(module):
        return
    beside = (path.name for folder in ("", "src") for path in (root / folder).glob("*.py"))
    near, modules = nearest_module((*paths, *beside), module)
    suggestion = f"; did you mean `{near}`?" if near else ""
    hint = None if near else f"Its modules: {', '.join(modules[:8]) or 'none'}"
    raise _wrong(context, f"the project has no module `{module}`{suggestion}", hint)
