"""Write the tables that a deployment needs into pyproject.toml, and nothing else: what stands there stays as it is."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from hatch_aleph.errors import ProjectError
from hatch_aleph.installation import requirement
from hatch_aleph.project import check_regular, parse_pyproject
from hatch_aleph.scaffold.cautions import cautions
from hatch_aleph.scaffold.frameworks import distribution_of
from hatch_aleph.scaffold.requirements import read_declared
from hatch_aleph.scaffold.start_commands import package_json
from hatch_aleph.scaffold.workflows import PREVIEW_PROFILE
from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tomlkit import TOMLDocument

    from hatch_aleph.scaffold.applications import Application

_BYTE_ORDER_MARK = "\ufeff"
_HATCHLING = {"requires": ["hatchling"], "build-backend": "hatchling.build"}
_POETRY = {"requires": ["poetry-core>=1"], "build-backend": "poetry.core.masonry.api"}
_SETUPTOOLS = {"requires": ["setuptools>=61"], "build-backend": "setuptools.build_meta"}
# What stands for a missing table (PEP 517): with it, a setup.py still finds the modules that lie beside it.
_SETUP_PY = {"requires": ["setuptools>=61"], "build-backend": "setuptools.build_meta:__legacy__"}

# Folders at the root that programs read at run time, as the frameworks' tutorials name them.
_NO_PART = {"tests", "test", "docs", "setup", "conftest", "noxfile"}
_READ_BY_NAME = ("static", "statics", "templates", "translations", "locale", "migrations")


@dataclass
class Edit:
    """A pyproject.toml on its way to what a deployment needs.

    Attributes:
        file: The file.
        text: What it is to hold, with plain line ends.
        prefix: Mark of the encoding that it begins with.
        line_end: How its lines end.
        done: What was added, a line each.
        notes: What the user should know.
    """

    file: Path
    text: str
    prefix: str = ""
    line_end: str = "\n"
    done: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def document(self) -> TOMLDocument:
        """The text, parsed so that comments and order stay.

        Raises:
            ProjectError: It is not TOML.
        """
        try:
            return tomlkit.parse(self.text)
        except (TOMLKitError, ValueError, RecursionError) as error:
            raise ProjectError(f"The file is not TOML: {error}", where=str(self.file)) from error

    @property
    def content(self) -> bytes:
        """What is written: the text as the file has been written before."""
        return (self.prefix + self.text.replace("\n", self.line_end)).encode()

    @property
    def entrypoint(self) -> str | None:
        """The entry point that is written already."""
        written = self.document.get("tool", {}).get("aleph", {}).get("entrypoint")
        return str(written) if written else None

    def append(self, tables: Mapping[str, Any], done: str) -> None:
        """Add new tables at the end, where they are found, rather than among others of the same family."""
        before = f"{self.text.rstrip()}\n\n" if self.text.strip() else ""
        self.text = before + tomlkit.dumps(tables)
        self.done.append(done)

    def change(self, document: TOMLDocument, done: str) -> None:
        """Take over a changed document."""
        self.text = tomlkit.dumps(document)
        self.done.append(done)


def open_pyproject(root: Path) -> Edit:
    """Read the pyproject.toml of a folder, or begin one.

    Raises:
        ProjectError: It cannot be read, or is not TOML.
    """
    file = root / "pyproject.toml"
    check_regular(file)
    try:
        written = file.read_bytes().decode("utf-8") if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"The file cannot be read: {error}", where=str(file)) from error
    text = written.removeprefix(_BYTE_ORDER_MARK)
    line_end = "\r\n" if "\r\n" in text else "\n"
    edit = Edit(file, text.replace("\r\n", "\n"), written[: len(written) - len(text)], line_end)
    parse_pyproject(edit.text, file)  # by the reader that goes by the standard: tomlkit takes more for a number
    return edit


def declared_scripts(root: Path) -> list[str]:
    """Return the commands that a project's pyproject.toml declares.

    Raises:
        ProjectError: It cannot be read, or is not TOML.
    """
    document: dict[str, Any] = open_pyproject(root).document.unwrap()
    tables = (document.get("project", {}), document.get("tool", {}).get("poetry", {}))
    return sorted({name for table in tables for name in table.get("scripts", {})})


def add_tables(edit: Edit, application: Application, *, name: str | None = None, hatch: bool = False) -> None:
    """Add what is missing: ``[project]``, ``[build-system]``, ``[tool.aleph]``, and Hatch's environment if wanted.

    Args:
        edit: The file; receives what was done.
        application: What to run.
        name: Of the project, when it has none yet; package.json's or the folder's by default.
        hatch: Whether to add the two lines that give ``hatch run aleph:deploy``.

    Raises:
        ProjectError: Dependencies are declared in a way that cannot be taken over.
    """
    root = edit.file.parent
    described_here = _add_project(edit, root, name, application.framework)
    built_here = _add_build_system(edit, root)
    _add_aleph(edit, application)
    if built_here:
        _add_sources(edit, application)
    if described_here:
        _add_files(edit, root)
    if hatch:
        _add_hatch(edit)
    document = edit.document.unwrap()
    required = document.get("project", {}).get("dependencies", ())
    edit.notes.extend(cautions(root, document, required, application.framework))


def add_preview_profile(edit: Edit) -> None:
    """Add the profile of previews, ``pr-*``, unless there is one."""
    if PREVIEW_PROFILE not in edit.document.get("tool", {}).get("aleph", {}).get("profiles", {}):
        table: dict[str, Any] = {"tool": {"aleph": {"profiles": {PREVIEW_PROFILE: {}}}}}
        edit.append(table, f'[tool.aleph.profiles."{PREVIEW_PROFILE}"]')


def set_key(edit: Edit, key: str, value: bool | dict[str, str], profile: str | None) -> None:
    """Set a key of ``[tool.aleph]``, or of a profile that stands there by its own name.

    Raises:
        ProjectError: The profile is one of a family (``pr-*``), whose table is not for one member alone.
    """
    document = edit.document
    table: Any = document["tool"]["aleph"]
    path = "tool.aleph"
    if profile is not None:
        profiles = table.get("profiles", {})
        path = f"tool.aleph.profiles.{profile}"
        if profile not in profiles:
            raise ProjectError(f"[{path}] does not stand in the file by this name.", where=str(edit.file))
        table = profiles[profile]
    if isinstance(value, dict):
        inline = tomlkit.inline_table()
        inline.update(value)
        table[key] = inline
    else:
        table[key] = value
    edit.change(document, f"[{path}] {key} = {tomlkit.item(table[key]).as_string()}")


def _add_project(edit: Edit, root: Path, name: str | None, framework: str) -> bool:
    """Add the table unless the project is described already; return whether it was added."""
    document = edit.document
    if "project" in document or "poetry" in document.get("tool", {}):
        return False
    if (root / "setup.py").exists() or _has_metadata(root / "setup.cfg"):
        return False
    declared = read_declared(root)
    edit.notes.extend(declared.notes)
    requirements = declared.requirements
    source = f", its dependencies from {declared.file}" if declared.file else ""
    if declared.file is None and (own := distribution_of(framework)):
        # An import does not tell which distribution has it; of the framework alone it is known.
        requirements = (own,)
        source = f", its dependency {own}"
        edit.notes.append(f"No file lists dependencies: add what the program needs beside {own} to [project]")
    dependencies = tomlkit.array()
    dependencies.extend(requirements)
    dependencies.multiline(len(requirements) > 1)
    own_name = package_json(root).get("name") if framework == "Node.js" else None
    called = name or _project_name(root, str(own_name or root.name), requirements)
    project = {"name": called, "version": "0.1.0", "dependencies": dependencies}
    edit.append({"project": project}, f"[project] {project['name']} 0.1.0{source}")
    if declared.file:
        edit.notes.append(
            f"Dependencies stand in pyproject.toml from now on: a change of {declared.file} has no effect"
        )
    return True


def _add_files(edit: Edit, root: Path) -> None:
    """Select what lies beside plain modules and no wheel holds, of a project that nobody has built before."""
    folders = [name for name in _READ_BY_NAME if (root / name).is_dir() and not (root / name / "__init__.py").exists()]
    if folders:
        include = [f"/{name}" for name in folders]
        tables = {"tool": {"hatch": {"build": {"targets": {"aleph": {"include": include}}}}}}
        edit.append(tables, f"[tool.hatch.build.targets.aleph] include = {include}")


def _has_metadata(file: Path) -> bool:
    """Return whether a setup.cfg describes a distribution: most hold the configuration of linters alone."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text("utf-8-sig"))
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise ProjectError(f"The file cannot be read: {error}", where=str(file)) from error
    return parser.has_option("metadata", "name")


def _project_name(root: Path, called: str, requirements: Sequence[str]) -> str:
    """Return what package.json or the folder calls the project, so changed that it means the folder alone.

    A project is no dependency of its own: one called ``fastapi`` would go without it. Hatchling takes what is called
    as the project for all of it: of ``mysite/`` and ``polls/`` in a folder ``mysite`` only the former.
    """
    name = re.sub(r"[^A-Za-z0-9]+", "-", called).strip("-").lower() or "program"
    module = name.replace("-", "_")
    modules = {
        path.stem for path in root.iterdir() if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))
    } - _NO_PART
    required = {normalize(re.split(r"[^\w.-]", each, maxsplit=1)[0]) for each in requirements}
    ambiguous = name in required or (module in modules and len(modules) > 1)
    return f"{name}-app" if ambiguous else name


def _add_sources(edit: Edit, application: Application) -> None:
    """Tell Hatchling of the folder from which the application imports, where that is not the project's own."""
    if not application.file or application.executable:
        return
    file = PurePosixPath(application.file)
    module = PurePosixPath(application.entrypoint.partition(":")[0].replace(".", "/"))
    where = file.parent if file.stem == "__init__" else file.with_suffix("")
    folder = where.as_posix().removesuffix(module.as_posix()).rstrip("/")
    backend = edit.document["build-system"]["build-backend"]
    if folder in ("", "src", where.as_posix()) or backend != _HATCHLING["build-backend"]:
        return
    if "build" not in edit.document.get("tool", {}).get("hatch", {}):
        wheel = {"only-include": [folder], "sources": [folder]}
        tables = {"tool": {"hatch": {"build": {"targets": {"wheel": wheel}}}}}
        edit.append(tables, f"[tool.hatch.build.targets.wheel] sources = ['{folder}'], from which it imports")


def _add_build_system(edit: Edit, root: Path) -> bool:
    """Add the table unless there is one; return whether it was added."""
    document = edit.document
    if "build-system" in document:
        return False
    if "poetry" in document.get("tool", {}):
        elsewhere = _POETRY
    else:
        elsewhere = _SETUP_PY if (root / "setup.py").is_file() else _SETUPTOOLS
    chosen = _HATCHLING if "project" in document else elsewhere
    edit.append({"build-system": chosen}, f"[build-system] {chosen['build-backend']}")
    return True


def _add_aleph(edit: Edit, application: Application) -> None:
    if edit.entrypoint:
        return
    entries = {"entrypoint": application.entrypoint}
    if application.executable:
        entries["interface"] = "executable"
    done = f"[tool.aleph] entrypoint = {application.entrypoint!r}"
    document = edit.document
    table: Any = document.get("tool", {}).get("aleph")
    if table is None:
        edit.append({"tool": {"aleph": entries}}, done)
        return
    table.update(entries)
    edit.change(document, done)


def _add_hatch(edit: Edit) -> None:
    environment = edit.document.get("tool", {}).get("hatch", {}).get("env")
    if environment is None:
        table = {"tool": {"hatch": {"env": {"requires": [requirement()], "collectors": {"aleph": {}}}}}}
        edit.append(table, "[tool.hatch.env] with the collector of `hatch run aleph:*`")
        return
    requires = environment.get("requires", [])
    if not any(normalize(str(each).split("[")[0]).startswith("hatch-aleph") for each in requires):
        document = edit.document
        hatch: Any = document["tool"]
        hatch["hatch"]["env"]["requires"] = [*requires, requirement()]
        edit.change(document, "[tool.hatch.env] requires hatch-aleph")
    if "aleph" not in environment.get("collectors", {}):
        edit.append({"tool": {"hatch": {"env": {"collectors": {"aleph": {}}}}}}, "[tool.hatch.env.collectors.aleph]")
