"""A user's project: its root, its metadata, its settings.

Static metadata is read from pyproject.toml; what is declared dynamic is asked of the build backend, so versions from
files, from tags or from code work alike.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hatch_aleph import interpreters
from hatch_aleph.backend import HATCHLING, BuiltWheel, backend_of, build_isolated, has_backend, no_bytecode
from hatch_aleph.commands import typed
from hatch_aleph.errors import HatchAlephError, ProjectError, SettingsError
from hatch_aleph.shapes import OTHERS, TEXT, Kind, Shape, misfit
from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hatch_aleph.settings import Settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


_TABLES = Kind(
    "a table or a list of tables",
    lambda value: all(isinstance(each, dict) for each in (value if isinstance(value, list) else [value])),
)
_HOOKS: dict[str, Any] = {"hooks?": {OTHERS: {}}}
_SHAPE: Shape = {  # of what is read here; the rest is others' to judge
    "project?": {
        "name?": TEXT,
        "version?": TEXT,
        "dynamic?": [TEXT],
        "dependencies?": [TEXT],
        "optional-dependencies?": {OTHERS: [TEXT]},
        "requires-python?": TEXT,
    },
    "build-system?": {"requires?": [TEXT], "build-backend?": TEXT},
    "dependency-groups?": {},
    "tool?": {
        "aleph?": {},
        "hatch?": {
            "build?": {**_HOOKS, "targets?": {OTHERS: _HOOKS}},
            "metadata?": _HOOKS,
            "version?": {},
            "envs?": {OTHERS: {}},
        },
        "poetry?": {"dependencies?": {}},
        "uv?": {"sources?": {OTHERS: _TABLES}, "workspace?": {"members?": [TEXT], "exclude?": [TEXT]}},
    },
}


_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.!+_-]{0,98}[A-Za-z0-9])?")


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
        wheel: Built already, when only the build backend knew the metadata.
    """

    root: Path
    pyproject: Mapping[str, Any]
    name: str
    version: str
    dependencies: tuple[str, ...] = ()
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requires_python: str | None = None
    wheel: BuiltWheel | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no name or version: files are called after them.

        Raises:
            ProjectError: One of them is none.
        """
        for what, said, form in (("name", self.name, _NAME), ("version", self.version, _VERSION)):
            if not form.fullmatch(said):
                raise ProjectError(f"Invalid project.{what}: {said!r}", where=str(self.root / "pyproject.toml"))

    @property
    def normalized_name(self) -> str:
        """The name in file names: ``my_project``."""
        return normalize(self.name).replace("-", "_")

    @property
    def stem(self) -> str:
        """What the artifact's files are called after: ``my_project-1.0``."""
        return f"{self.normalized_name}-{self.version}"

    @property
    def backend(self) -> str:
        """The build backend's import name."""
        return backend_of(self.pyproject)

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
    """Parse the pyproject.toml of a folder, and lay hatch.toml over ``[tool.hatch]`` as hatchling does.

    Source: pypa/hatch, backend/src/hatchling/metadata/core.py (ProjectMetadata.hatch).

    Raises:
        ProjectError: When there is none, it is not TOML, or a key that is read here holds something else.
    """
    file = root / "pyproject.toml"
    check_regular(file)
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ProjectError(f"The file is not TOML: {error}", where=str(file)) from error
    except OSError as error:
        hint = "Name the project's folder: --project DIR"
        if root.is_dir() and not file.exists():  # source, or requirements.txt, without it
            hint += f", or make a project of this one, with its requirements.txt if there is one: {typed('init')}"
        raise ProjectError(error.strerror or "The file cannot be read", where=str(file), hint=hint) from error
    pyproject = parse_pyproject(text, file)
    beside = root / "hatch.toml"
    if beside.is_file():
        try:
            own = _parse(beside.read_text("utf-8"), beside)
        except (OSError, UnicodeDecodeError) as error:
            raise ProjectError(f"The file cannot be read: {error}", where=str(beside)) from error
        pyproject.setdefault("tool", {}).setdefault("hatch", {}).update(own)
        _check(pyproject, beside)
    return pyproject


def parse_pyproject(text: str, file: Path) -> dict[str, Any]:
    """Parse the text of a pyproject.toml.

    Raises:
        ProjectError: It is not TOML, or a key that is read here holds something else.
    """
    pyproject = _parse(text, file)
    _check(pyproject, file)
    return pyproject


def _parse(text: str, file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # a number of more digits than Python reads is one as well
        mark = "Save it as UTF-8 without a byte order mark." if text.startswith("\ufeff") else None
        raise ProjectError(f"The file is not TOML: {error}", where=str(file), hint=mark) from error
    except RecursionError as error:
        raise ProjectError("The file is nested too deeply to be read", where=str(file)) from error


def _check(pyproject: Mapping[str, Any], file: Path) -> None:
    wrong = misfit(pyproject, _SHAPE)
    if wrong:
        raise ProjectError(wrong, where=str(file))


def check_regular(file: Path) -> None:
    """Refuse what is there and is no file: a pipe or a device would be read without end.

    Raises:
        ProjectError: It is none.
    """
    if file.exists() and not file.is_file():
        raise ProjectError("This is no file", where=str(file))


def load_project(root: Path) -> Project:
    """Read a project: its [project] table when it says everything, else ask its build backend.

    Raises:
        ProjectError: When it has no metadata, or its backend fails.
    """
    root = root.resolve()
    pyproject = read_pyproject(root)
    table = pyproject.get("project", {})
    named = "name" in table
    dynamic = {"version", "dependencies", "optional-dependencies"}.intersection(table.get("dynamic", ()))
    if named and not dynamic and not has_fields(pyproject):
        return _from_table(root, pyproject, table)
    if named and backend_of(pyproject) == HATCHLING:
        project = _from_hatchling(root, pyproject)
        if project is not None:
            return project
    if not named and (backend_of(pyproject) == HATCHLING or not has_backend(root, pyproject)):
        raise ProjectError(
            "There is no [project] table with a name.",
            where=str(root / "pyproject.toml"),
            hint=f"Add it, or let {typed('init')} do it:\n\n[project]\n"
            'name = "my-api"\nversion = "0.1.0"\ndependencies = ["fastapi"]',
        )
    minor = _python_of(pyproject)
    found = interpreters.find(minor) if minor else None
    return _from_wheel(root, pyproject, build_isolated(root, pyproject, found.path if found else minor, minor))


def has_fields(pyproject: Mapping[str, Any]) -> bool:
    """Tell whether Hatch fills in fields of the requirements (``{root:uri}``, ``{env:X}``), which no one else knows."""
    table = pyproject.get("project", {})
    texts = [*table.get("dependencies", ())]
    for each in table.get("optional-dependencies", {}).values():
        texts += each
    return backend_of(pyproject) == HATCHLING and any("{" in each for each in texts)


def _python_of(pyproject: Mapping[str, Any]) -> str:
    """Return the minor version of the runtime's Python, "" when the settings do not tell it."""
    from hatch_aleph import runtimes
    from hatch_aleph.settings import load_settings

    try:
        settings = load_settings(pyproject.get("tool", {}).get("aleph"))
    except SettingsError:
        return ""  # told when they are used
    runtime = runtimes.find(settings.runtime, settings.python)
    return runtime.python if runtime else ""


def _from_table(root: Path, pyproject: Mapping[str, Any], table: Mapping[str, Any]) -> Project:
    if "version" not in table:
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
        with no_bytecode():
            return _from_metadata(root, pyproject, metadata)
    except (UnknownPluginError, ImportError):
        return None
    except (ValueError, TypeError, OSError) as error:
        raise ProjectError(str(error), where=str(root / "pyproject.toml")) from error
    except HatchAlephError:
        raise
    except (Exception, SystemExit) as error:  # a version or hook that is the project's code, and ends as it likes
        raise ProjectError(f"{type(error).__name__}: {error}", where=str(root / "pyproject.toml")) from error


def from_hatchling_metadata(root: Path, pyproject: Mapping[str, Any], metadata: Any) -> Project:
    """Take the metadata that hatchling has resolved (its build target hands it over).

    Raises:
        ProjectError: When hatchling finds the metadata wrong.
    """
    try:
        return _from_metadata(root.resolve(), pyproject, metadata)
    except (ValueError, TypeError, OSError) as error:
        raise ProjectError(str(error), where=str(root / "pyproject.toml")) from error


def _from_metadata(root: Path, pyproject: Mapping[str, Any], metadata: Any) -> Project:
    return Project(
        root=root,
        pyproject=pyproject,
        name=metadata.core.raw_name,
        version=metadata.version,
        dependencies=tuple(metadata.core.dependencies),
        extras={name: tuple(each) for name, each in metadata.core.optional_dependencies.items()},
        requires_python=metadata.core.requires_python or None,
    )


def _from_wheel(root: Path, pyproject: Mapping[str, Any], wheel: BuiltWheel) -> Project:
    metadata = wheel.metadata()
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
        name=str(metadata["Name"] or ""),
        version=str(metadata["Version"] or ""),
        dependencies=tuple(dependencies),
        extras={name: tuple(each) for name, each in extras.items()},
        requires_python=metadata["Requires-Python"],
        wheel=wheel,
    )
