"""The project's wheel, whose content is the heart of the code image."""

from __future__ import annotations

import contextlib
import copy
import os
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import ProjectError
from hatch_aleph.project import Project, build_isolated
from hatch_aleph.squashfs import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

# Set while our target builds the wheel: the project's build hooks run again then, ours among them.
BUILDING = "HATCH_ALEPH_BUILDING"


def build_wheel(project: Project, folder: Path, *, metadata: Any = None) -> Path | None:
    """Build the wheel of a project, or return None when it names no build backend.

    Args:
        project: What to build.
        folder: Receives the wheel.
        metadata: hatchling's metadata, when hatchling itself is calling: the environment then has all that the build
            needs, and no other one is made.

    Raises:
        ProjectError: With what the backend said.
    """
    if project.backend == "hatchling.build":
        from hatchling.plugin.exceptions import UnknownPluginError

        try:
            return _build_in_process(project, folder, metadata)
        except (UnknownPluginError, ImportError) as error:
            if metadata is not None:
                raise ProjectError(str(error), where=str(project.root / "pyproject.toml")) from error
        except (ValueError, TypeError, OSError) as error:
            raise ProjectError(f"its wheel cannot be built: {error}", where=str(project.root)) from error
    if "build-system" not in project.pyproject:
        return None
    return build_isolated(project.root, folder)


def _build_in_process(project: Project, folder: Path, metadata: Any) -> Path:
    from hatchling.builders.wheel import WheelBuilder
    from hatchling.metadata.core import ProjectMetadata

    builder = WheelBuilder(str(project.root), metadata=metadata)
    if not _has_package(builder):
        # A plain main.py: the wheel then holds metadata alone, and the code is found beside pyproject.toml.
        config = copy.deepcopy(dict(project.pyproject))
        targets = (
            config.setdefault("tool", {}).setdefault("hatch", {}).setdefault("build", {}).setdefault("targets", {})
        )
        targets.setdefault("wheel", {})["bypass-selection"] = True
        plugins = builder.plugin_manager
        builder = WheelBuilder(str(project.root), plugins, config, ProjectMetadata(str(project.root), plugins, config))
    with _guard():
        return Path(next(iter(builder.build(directory=str(folder), versions=["standard"]))))


def _has_package(builder: Any) -> bool:
    """Tell whether hatchling knows which files to ship; it raises when it would have to guess."""
    try:
        _ = builder.config.default_file_selection_options
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def _guard() -> Iterator[None]:
    before = os.environ.get(BUILDING)
    os.environ[BUILDING] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[BUILDING]
        else:
            os.environ[BUILDING] = before


def wheel_entries(wheel: Path) -> list[Entry]:
    """Return the files that installing a wheel would put into site-packages; scripts go to ``bin/``.

    Raises:
        ProjectError: For a wheel whose paths climb out, which no installer takes.
    """
    entries = []
    with zipfile.ZipFile(wheel) as archive:
        for item in archive.infolist():
            path = _installed_path(PurePosixPath(item.filename))
            if item.is_dir() or path is None:
                continue
            if path.is_absolute() or ".." in path.parts:
                raise ProjectError(f"holds a file outside of its tree: {item.filename}", where=str(wheel))
            executable = (item.external_attr >> 16) & stat.S_IXUSR or path.parts[0] == "bin"
            entries.append(Entry(str(path), "file", 0o755 if executable else 0o644, archive.read(item)))
    return entries


def _installed_path(path: PurePosixPath) -> PurePosixPath | None:
    if not path.parts[0].endswith(".data"):
        return path
    scheme, *rest = path.parts[1:]
    if scheme in ("purelib", "platlib", "data"):
        return PurePosixPath(*rest)
    if scheme == "scripts":
        return PurePosixPath("bin", *rest)
    return None
