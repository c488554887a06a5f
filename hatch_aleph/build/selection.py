"""Files beside the wheel's: what ``[tool.hatch.build.targets.aleph]`` selects, and plain modules beside pyproject.toml.

Hatch's default for a custom target is everything that git does not ignore, `.env` and keys included. It is never used:
without a selection only importable modules are taken.
"""

from __future__ import annotations

import copy
import stat
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from hatch_aleph.squashfs import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_aleph.project import Project

TARGET = "aleph"
_SELECTING = ("include", "only-include", "packages", "force-include", "artifacts")
# Modules at a project's root that serve its development, not the program.
_NOT_PROGRAM = ("setup.py", "noxfile.py", "conftest.py", "tasks.py", "tests", "test", "docs", "benchmarks", "examples")


def selected(project: Project) -> list[Entry]:
    """Return the files that the target's own configuration selects; none when it selects nothing."""
    config = _target_config(project)
    if not any(config.get(name) for name in _SELECTING):
        return []
    return list(_walk(project, config))


def plain_modules(project: Project, module: str) -> list[Entry]:
    """Return the modules and packages that lie beside a plain entrypoint module, at the root or in ``src``.

    Args:
        project: Where to look.
        module: Dotted name of the entrypoint's module; nothing is returned when it is not there.
    """
    top = module.partition(".")[0]
    for folder in (project.root, project.root / "src"):
        if (folder / f"{top}.py").is_file() or (folder / top).is_dir():
            names = sorted(
                str(path.relative_to(project.root))
                for path in folder.iterdir()
                if path.name not in _NOT_PROGRAM and _is_module(path)
            )
            if (folder / top).is_dir() and not _is_module(folder / top):
                names.append(str((folder / top).relative_to(project.root)))
            config = {**_target_config(project), "only-include": names}
            if folder.name == "src":
                config.setdefault("sources", ["src"])
            return list(_walk(project, config))
    return []


def command_file(project: Project, command: str) -> list[Entry]:
    """Return the file that an executable's command names, when it lies in the project."""
    first = next(iter(command.split(maxsplit=1)), "")
    path = project.root / first
    if not first or not path.is_file() or ".." in PurePath(first).parts:
        return []
    return [Entry(PurePath(first).as_posix(), "file", 0o755, path)]


def _is_module(path: Path) -> bool:
    if path.is_dir():
        return path.name.isidentifier() and (path / "__init__.py").is_file()
    return path.suffix == ".py" and path.stem.isidentifier()


def _target_config(project: Project) -> dict[str, Any]:
    targets = project.pyproject.get("tool", {}).get("hatch", {}).get("build", {}).get("targets", {})
    config: dict[str, Any] = copy.deepcopy(targets.get(TARGET, {}))
    return config


def _walk(project: Project, target_config: dict[str, Any]) -> Iterator[Entry]:
    from hatchling.builders.plugin.interface import BuilderInterface

    class Selection(BuilderInterface[Any, Any]):
        PLUGIN_NAME = TARGET

        def get_version_api(self) -> dict[str, Callable[..., str]]:
            return {}

    config = copy.deepcopy(dict(project.pyproject))
    tool = config.setdefault("tool", {}).setdefault("hatch", {})
    tool.setdefault("build", {}).setdefault("targets", {})[TARGET] = target_config
    for item in Selection(str(project.root), config=config).recurse_included_files():
        path = Path(item.path)
        executable = path.stat().st_mode & stat.S_IXUSR
        yield Entry(PurePath(item.distribution_path).as_posix(), "file", 0o755 if executable else 0o644, path)
