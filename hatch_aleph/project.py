"""A user's project: its root, its metadata, its settings.

Static metadata is read from pyproject.toml; what is declared dynamic is asked of the build backend, so versions from
files, from tags or from code work alike.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.commands import typed
from hatch_aleph.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatch_aleph.settings import Settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Never copied for a build elsewhere: large, and no backend reads them.
_NOT_COPIED = (".venv", "venv", "node_modules", ".nox", ".tox", "dist", "build", ".aleph", "__pycache__", ".mypy_cache")


@dataclass(frozen=True)
class Project:
    """A project and what its metadata says.

    Attributes:
        root: The folder of pyproject.toml, absolute.
        pyproject: The whole file.
        name: As written in the metadata.
        version: Resolved.
        dependencies: Requirements, as written.
        extras: Optional dependencies by extra.
        requires_python: As written, or None.
    """

    root: Path
    pyproject: Mapping[str, Any]
    name: str
    version: str
    dependencies: tuple[str, ...] = ()
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requires_python: str | None = None

    @property
    def normalized_name(self) -> str:
        """The name in file names: ``my_project``."""
        return re.sub(r"[-_.]+", "_", self.name).lower()

    @property
    def stem(self) -> str:
        """What the artifact's files are called after: ``my_project-1.0``."""
        return f"{self.normalized_name}-{self.version}"

    @property
    def backend(self) -> str:
        """The build backend's import name."""
        return str(self.pyproject.get("build-system", {}).get("build-backend", "setuptools.build_meta:__legacy__"))

    @property
    def groups(self) -> Mapping[str, Any]:
        """Dependency groups (PEP 735), as written."""
        groups: Mapping[str, Any] = self.pyproject.get("dependency-groups", {})
        return groups

    def settings(self, profile: str | None = None) -> Settings:
        """Return ``[tool.aleph]`` with a profile laid over it.

        Raises:
            SettingsError: With all mistakes at once.
        """
        from hatch_aleph.settings import load_settings

        return load_settings(
            self.pyproject.get("tool", {}).get("aleph"), profile, file=str(self.root / "pyproject.toml")
        )


def read_pyproject(root: Path) -> dict[str, Any]:
    """Parse the pyproject.toml of a folder.

    Raises:
        ProjectError: When there is none, or it is not TOML.
    """
    file = root / "pyproject.toml"
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        hint = "Name the project's folder: --project DIR"
        if root.is_dir() and not file.exists():  # source, or requirements.txt, without it
            hint += f", or make a project of this one, with its requirements.txt if there is one: {typed('init')}"
        raise ProjectError(error.strerror or "cannot be read", where=str(file), hint=hint) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"not TOML: {error}", where=str(file)) from error


def load_project(root: Path) -> Project:
    """Read a project.

    Raises:
        ProjectError: When it has no metadata, or its backend fails.
    """
    root = root.resolve()
    pyproject = read_pyproject(root)
    table = pyproject.get("project")
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        raise ProjectError(
            "there is no [project] table with a name",
            where=str(root / "pyproject.toml"),
            hint='Add:\n\n[project]\nname = "my-api"\nversion = "0.1.0"\ndependencies = ["fastapi"]',
        )
    if not set(table.get("dynamic", ())) & {"version", "dependencies", "optional-dependencies"}:
        return _from_table(root, pyproject, table)
    if pyproject.get("build-system", {}).get("build-backend") == "hatchling.build":
        project = _from_hatchling(root, pyproject)
        if project is not None:
            return project
    import tempfile

    with tempfile.TemporaryDirectory(prefix="hatch-aleph-") as folder:
        return _from_wheel(root, pyproject, build_isolated(root, Path(folder)))


def _from_table(root: Path, pyproject: Mapping[str, Any], table: Mapping[str, Any]) -> Project:
    if not isinstance(table.get("version"), str):
        raise ProjectError("project.version is missing", where=str(root / "pyproject.toml"))
    return Project(
        root=root,
        pyproject=pyproject,
        name=table["name"],
        version=table["version"],
        dependencies=tuple(table.get("dependencies", ())),
        extras={name: tuple(each) for name, each in table.get("optional-dependencies", {}).items()},
        requires_python=table.get("requires-python"),
    )


def _from_hatchling(root: Path, pyproject: Mapping[str, Any]) -> Project | None:
    """Ask hatchling in this process; None when the project needs plugins that are not installed here."""
    from hatchling.metadata.core import ProjectMetadata
    from hatchling.plugin.exceptions import UnknownPluginError
    from hatchling.plugin.manager import PluginManager

    metadata: Any = ProjectMetadata(str(root), PluginManager())
    try:
        return from_hatchling_metadata(root, pyproject, metadata)
    except (UnknownPluginError, ImportError):
        return None


def from_hatchling_metadata(root: Path, pyproject: Mapping[str, Any], metadata: Any) -> Project:
    """Take the metadata that hatchling has resolved (its build target hands it over).

    Raises:
        ProjectError: When hatchling finds the metadata wrong.
    """
    try:
        return Project(
            root=root.resolve(),
            pyproject=pyproject,
            name=metadata.core.raw_name,
            version=metadata.version,
            dependencies=tuple(metadata.core.dependencies),
            extras={name: tuple(each) for name, each in metadata.core.optional_dependencies.items()},
            requires_python=metadata.core.requires_python or None,
        )
    except (ValueError, TypeError, OSError) as error:
        raise ProjectError(str(error), where=str(root / "pyproject.toml")) from error


def _from_wheel(root: Path, pyproject: Mapping[str, Any], wheel: Path) -> Project:
    import email.parser
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = email.parser.BytesParser().parsebytes(archive.read(name), headersonly=True)
    extras: dict[str, list[str]] = {each: [] for each in metadata.get_all("Provides-Extra", [])}
    dependencies: list[str] = []
    for requirement in metadata.get_all("Requires-Dist", []):
        extra = re.search(r"""\s*(?:and\s+)?extra\s*==\s*["']([^"']+)["']""", requirement)
        if extra:
            rest = (requirement[: extra.start()] + requirement[extra.end() :]).rstrip(" ;")
            extras.setdefault(extra[1], []).append(rest)
        else:
            dependencies.append(requirement)
    return Project(
        root=root,
        pyproject=pyproject,
        name=str(metadata["Name"]),
        version=str(metadata["Version"]),
        dependencies=tuple(dependencies),
        extras={name: tuple(each) for name, each in extras.items()},
        requires_python=metadata["Requires-Python"],
    )


def build_isolated(root: Path, folder: Path) -> Path:
    """Build a project's wheel with its own backend in an isolated environment.

    A copy of the tree is built, for some backends leave files in it.

    Raises:
        ProjectError: With what the backend said.
    """
    import shutil
    import subprocess

    from uv import find_uv_bin

    copy = folder / "source"
    shutil.copytree(root, copy, symlinks=True, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    command = [find_uv_bin(), "build", "--wheel", "--quiet", "--out-dir", str(folder / "wheel"), str(copy)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, encoding="utf-8", errors="replace")
    wheels: Iterable[Path] = (folder / "wheel").glob("*.whl")
    wheel = next(iter(wheels), None)
    if done.returncode or wheel is None:
        raise ProjectError(
            "its build backend failed:\n" + _last_lines(done.stderr or done.stdout), where=str(root / "pyproject.toml")
        )
    return wheel


def _last_lines(text: str, count: int = 12) -> str:
    return "\n".join("  " + line for line in text.strip().splitlines()[-count:])
