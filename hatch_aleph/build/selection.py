"""Files beside the wheel's: what ``[tool.hatch.build.targets.aleph]`` selects, and plain modules beside pyproject.toml.

Hatch's default for a custom target is everything that git does not ignore, `.env` and keys included. It is never used:
without a selection only importable modules are taken.
"""

from __future__ import annotations

import copy
import os
import re
import stat
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import ProjectError
from hatch_aleph.squashfs import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hatch_aleph.build.context import BuildContext
    from hatch_aleph.project import Project
    from hatch_aleph.settings.executable_command import Command

TARGET = "aleph"
_CHOOSING = ("include", "only-include", "packages")
_SELECTING = (*_CHOOSING, "force-include", "artifacts")
_WORD = re.compile(r"[^\W\d]\w*(\.\w+)*(:.*)?")  # module, module.attribute, module:attribute
# Modules at a project's root that serve its development, not the program.
_DEVELOPMENT = re.compile(  # beside a program, and no part of it
    r"\..*|_.*|tests?|docs?|benchmarks|examples|scripts|dist|build|venv|env|node_modules|LICEN[CS]E.*|README.*|CHANGE.*|"
    r"Dockerfile.*|Vagrantfile|.*\.log|Makefile|justfile|Procfile|setup\.(py|cfg)|noxfile\.py|conftest\.py|tasks\.py|MANIFEST\.in|"
    r".*\.(md|rst|toml|lock|egg-info|ya?ml|ini|cfg)|(.*-)?requirements.*\.(txt|in)|Pipfile|package(-lock)?\.json"
)
_NOT_PROGRAM = ("setup.py", "noxfile.py", "conftest.py", "tasks.py", "tests", "test", "docs", "benchmarks", "examples")


def selected(context: BuildContext) -> list[Entry]:
    """Return the files that the target's own configuration selects; none when it selects nothing."""
    config = _target_config(context.project)
    if not any(config.get(name) for name in _SELECTING):
        return []
    chosen = config
    if not any(config.get(name) for name in _CHOOSING):
        # Hatch would take everything beside what the other two name. A pattern of our own folder matches nothing.
        chosen = {**config, "include": config.get("artifacts") or ["/.aleph/"]}
    items = list(_items(context.project, chosen))
    context.warn(*_matching_nothing(context.project, config, items))
    return [_entry(item) for item in items]


def _matching_nothing(project: Project, config: dict[str, Any], items: Iterable[Any]) -> Iterator[str]:
    """Tell which patterns and paths of the target select nothing."""
    from pathspec import GitIgnoreSpec

    paths = [item.relative_path for item in items]
    for pattern in config.get("include", ()):
        if not any(GitIgnoreSpec.from_lines([pattern]).match_files(paths)):
            ignored = (project.root / pattern.strip("/")).exists()
            why = " that git does not ignore: name it in `artifacts` too" if ignored else ""
            yield f"tool.hatch.build.targets.{TARGET}.include: {pattern!r} matches no file{why}"
    for name in ("only-include", "packages"):
        for path in config.get(name, ()):
            if not (project.root / path).exists():
                yield f"tool.hatch.build.targets.{TARGET}.{name}: there is no {path!r}"


def left_out(context: BuildContext, entries: Iterable[Entry]) -> Iterator[str]:
    """Tell what lies beside a plain module or program and does not travel with it, as volumes do.

    Args:
        context: The build; a project whose target selects files has decided already.
        entries: What goes into the image.
    """
    project = context.project
    config = _target_config(project)
    if any(config.get(name) for name in _SELECTING):
        return
    taken = {entry.path.partition("/")[0] for entry in entries}
    volumes = [
        (project.root / Path(each.path).expanduser()).resolve()
        for each in context.settings.volumes.immutable
        if each.path
    ]
    items = [
        item.relative_path
        for item in _items(project, {**config, "include": ["*"]})
        if not any(Path(item.path).resolve().is_relative_to(volume) for volume in volumes)
    ]
    dist = context.destination.absolute()
    tops = {path.partition("/")[0]: "/" in path for path in (PurePath(each).as_posix() for each in items)}
    rest = [name for name in sorted(tops) if name not in taken and project.root / name != dist]
    development = [name for name in rest if _DEVELOPMENT.fullmatch(name)]
    named = _named_in_code([name for name in development if not tops[name] and not name.startswith(".")], entries)
    names = [name for name in rest if name not in development or name in named]
    if names:
        lines = ", ".join(f'"/{name}"' for name in names)
        yield (
            f"not in the image: {', '.join(f'{name}/' if tops[name] else name for name in names)}; what the program "
            f"needs of it is selected by [tool.hatch.build.targets.{TARGET}] include = [{lines}]"
        )


def _named_in_code(files: Iterable[str], entries: Iterable[Entry]) -> set[str]:
    """Return which files beside a program its own modules name as a text: `openapi.yaml` may be its schema."""
    if not (texts := b"|".join(re.escape(os.fsencode(name)) for name in files)):
        return set()
    pattern = re.compile(rb"""["'/](""" + texts + rb""")["']""")
    sources = (entry.read() for entry in entries if entry.kind == "file" and entry.path.endswith(".py"))
    return {os.fsdecode(name) for source in sources for name in pattern.findall(source)}


def plain_modules(project: Project, module: str) -> list[Entry]:
    """Return the modules and packages that lie beside a plain entrypoint module, at the root or in ``src``.

    Args:
        project: Where to look.
        module: Dotted name of the entrypoint's module; nothing is returned when it is not there.
    """
    top = module.partition(".")[0]
    for folder in (project.root, project.root / "src"):
        if (folder / f"{top}.py").is_file() or (folder / top).is_dir():
            names = _modules_in(project, folder)
            if f"{top}.py" in _NOT_PROGRAM and (folder / f"{top}.py").is_file():
                names.append(str((folder / f"{top}.py").relative_to(project.root)))
            if (folder / top).is_dir() and not _is_module(folder / top):
                names.append(str((folder / top).relative_to(project.root)))
            config = {**_target_config(project), "only-include": names}
            if folder.name == "src":
                config.setdefault("sources", ["src"])
            return [_entry(item) for item in _items(project, config)]
    return []


def named_module(project: Project, command: Command) -> str:
    """Return the plain module that a command is given by its name, as `sanic main:app` and `celery -A tasks`; or ""."""
    for word in command.others:
        top = re.split("[.:]", word)[0]
        beside = (folder / name for folder in (project.root, project.root / "src") for name in (f"{top}.py", top))
        there = any(path.exists() and _is_module(path) for path in beside)
        if there and _WORD.fullmatch(word) and not (project.root / word).is_file():
            return word
    return ""


def script_modules(project: Project, script: str) -> list[Entry]:
    """Return the modules and packages that a Python script finds in its own folder, where Python looks first.

    Args:
        project: Where to look.
        script: Its path from the project's root; nothing is returned when it is not there.
    """
    folder = project.root / PurePath(script).parent
    if not (project.root / script).is_file() or not folder.resolve().is_relative_to(project.root.resolve()):
        return []
    config = {**_target_config(project), "only-include": _modules_in(project, folder), "sources": []}
    return [_entry(item) for item in _items(project, config)]


def _modules_in(project: Project, folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(project.root))
        for path in folder.iterdir()
        if path.name not in _NOT_PROGRAM and _is_module(path)
    )


def command_files(project: Project, command: Command, entries: Iterable[Entry]) -> list[Entry]:
    """Return the files of the project that an executable's command names, and its script if an installer makes it.

    Args:
        project: Where to look.
        command: What the executable is.
        entries: What is in the image already.
    """
    found: dict[str, Entry] = {}
    for number, name in enumerate((command.program, *command.others)):
        path = project.root / name
        if name and path.is_file() and not PurePath(name).is_absolute() and ".." not in PurePath(name).parts:
            executable = number == 0 or path.stat().st_mode & stat.S_IXUSR
            entry = Entry(PurePath(name).as_posix(), "file", 0o755 if executable else 0o644, path)
            found.setdefault(entry.path, entry)
    return [*found.values(), *([] if (project.root / command.program).is_file() else _scripts(command, entries))]


def _scripts(command: Command, entries: Iterable[Entry]) -> list[Entry]:
    """Return the script of ``[project.scripts]`` that a command is, as an installer makes it."""
    from configparser import ConfigParser
    from importlib.metadata import EntryPoint

    from hatch_aleph.build.packages.distribution import console_script

    group = "console_scripts"
    parser = ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names keep their case
    for entry in entries:
        if entry.path.endswith(".dist-info/entry_points.txt"):
            parser.read_string(entry.read().decode("utf-8", "replace"))
    target = parser.get(group, command.program, fallback="")
    if not target:
        return []
    script = console_script(EntryPoint(command.program, target, group))
    return [Entry(f"bin/{command.program}", "file", 0o755, script)]


def _is_module(path: Path) -> bool:
    if path.is_dir():
        return path.name.isidentifier() and (path / "__init__.py").is_file()
    return path.suffix == ".py" and path.stem.isidentifier()


def _target_config(project: Project) -> dict[str, Any]:
    targets = project.pyproject.get("tool", {}).get("hatch", {}).get("build", {}).get("targets", {})
    config: dict[str, Any] = copy.deepcopy(targets.get(TARGET, {}))
    return config


def _items(project: Project, target_config: dict[str, Any]) -> Iterator[Any]:
    from hatchling.builders.plugin.interface import BuilderInterface

    class Selection(BuilderInterface[Any, Any]):
        PLUGIN_NAME = TARGET

        def get_version_api(self) -> dict[str, Callable[..., str]]:
            return {}

    selection = Selection(str(project.root), config=copy.deepcopy(dict(project.pyproject)))
    try:
        selection.target_config.clear()
        selection.target_config.update(target_config)
        for item in selection.recurse_included_files():
            # Keys, journals and volumes of the local host: whatever is selected, they are no part of the program.
            if PurePath(item.relative_path or "").parts[:1] != (".aleph",):
                yield item
    except (ValueError, TypeError, OSError) as error:
        raise ProjectError(str(error), where=str(project.root / "pyproject.toml")) from error


def _entry(item: Any) -> Entry:
    path = Path(item.path)
    if not path.is_file():
        raise ProjectError("It is no regular file, and no image holds it.", where=str(path))
    executable = path.stat().st_mode & stat.S_IXUSR
    return Entry(PurePath(item.distribution_path).as_posix(), "file", 0o755 if executable else 0o644, path)
