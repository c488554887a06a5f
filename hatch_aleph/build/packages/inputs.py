"""Where the dependencies of a project are written, and whether that is still true.

In this order: ``pylock.toml``, ``uv.lock``, a ``requirements.txt`` in which everything has hashes, the project's own
dependencies.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hatch_aleph.build.cache import key_of
from hatch_aleph.errors import DependencyError, SettingsError
from hatch_aleph.files import sha256_of
from hatch_aleph.uv import configuration_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hatch_aleph.project import Project
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings

Kind = Literal["pylock.toml", "uv.lock", "requirements.txt", "pyproject.toml"]
_PYTHON_AT_LEAST = re.compile(r"\s*>=\s*3\.(\d+)\s*")


@dataclass(frozen=True)
class Inputs:
    """What decides which distributions are vendored.

    Attributes:
        kind: Which file tells the dependencies.
        file: That file.
        content: Its bytes; b"" for pyproject.toml, whose relevant parts are in ``wanted``.
        wanted: Digest of what the project asks for, the same on every machine: dependencies, extras, groups, its
            configuration of uv, runtime.
        machine: Digest of what this machine adds: uv's own configuration files and variables.
        configured: Whether the project, or a folder around it, configures uv.
        any: Whether there is anything to vendor.
    """

    kind: Kind
    file: Path
    content: bytes
    wanted: str
    machine: str
    configured: bool
    any: bool

    @property
    def locked(self) -> bool:
        """Whether the versions stand in a file."""
        return self.kind != "pyproject.toml"

    @property
    def digest(self) -> str:
        """Digest of all of it."""
        return key_of(self.kind, hashlib.sha256(self.content).hexdigest(), self.wanted, self.machine)


def gather(project: Project, settings: Settings, runtime: Runtime) -> Inputs:
    """Find the file that tells a project's dependencies.

    Raises:
        SettingsError: For extras and groups that the project does not have.
        DependencyError: When the project does not run on the runtime's Python.
    """
    _check_names(project, settings)
    _check_python(project, runtime)
    wanted = key_of(
        sorted(project.dependencies),
        {name: sorted(project.extras[name]) for name in settings.extras},
        list(settings.groups) and [settings.groups, project.groups],
        sorted(settings.allow_source),
        project.pyproject.get("tool", {}).get("uv", {}),
        [runtime.python, runtime.platform],
    )
    machine = key_of(machine_configuration(project.root))
    folders = (project.root, *project.root.parents)
    configured = "uv" in project.pyproject.get("tool", {}) or any((each / "uv.toml").is_file() for each in folders)
    for kind, file in _locks(project.root):
        content = file.read_bytes()
        if kind == "requirements.txt" and not hashed(content.decode("utf-8", "replace")):
            continue
        return Inputs(kind, file, content, wanted, machine, configured, any=True)
    anything = bool(project.dependencies or settings.extras or settings.groups)
    return Inputs("pyproject.toml", project.root / "pyproject.toml", b"", wanted, machine, configured, any=anything)


def hashed(text: str) -> bool:
    """Tell whether everything in a requirements file has hashes."""
    found = requirements(text)
    return bool(found) and all("--hash=" in line for line in found)


def requirements(text: str) -> list[str]:
    """Return the requirements of a requirements file, one logical line each, without comments and options."""
    logical = re.sub(r"\\\r?\n", " ", text).splitlines()
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in logical]
    return [line for line in lines if line and not line.startswith("-")]


def is_stale(locked: Mapping[str, str], project: Project, settings: Settings, runtime: Runtime) -> str | None:
    """Return which requirement of the project a lock does not meet, or None when it meets all.

    Args:
        locked: Versions by normalised name; "" for an unknown one.
        project: Whose requirements.
        settings: Name its extras and groups.
        runtime: Decides markers.
    """
    from packaging.requirements import Requirement

    from hatch_aleph.build.packages.lock import normalize
    from hatch_aleph.build.packages.target import environment

    environ = environment(runtime)
    own = normalize(project.name)
    for text in direct(project, settings):
        requirement = Requirement(text)
        name = normalize(requirement.name)
        if name == own or (requirement.marker and not requirement.marker.evaluate({**environ, "extra": ""})):
            continue
        if name not in locked:
            return f"{text} is not in it"
        if locked[name] and not requirement.specifier.contains(locked[name], prereleases=True):
            return f"it has {name} {locked[name]}, not {requirement.specifier}"
    return None


def direct(project: Project, settings: Settings) -> Iterable[str]:
    """Yield what the project itself requires, its own extras and groups resolved."""
    from packaging.dependency_groups import resolve_dependency_groups
    from packaging.requirements import Requirement

    from hatch_aleph.build.packages.lock import normalize

    own, seen = normalize(project.name), set(settings.extras)
    pending = list(project.dependencies)
    for extra in settings.extras:
        pending += project.extras[extra]
    if settings.groups:
        pending += [str(each) for each in resolve_dependency_groups(project.groups, *settings.groups)]
    while pending:
        text = pending.pop(0)
        requirement = Requirement(text)
        if normalize(requirement.name) != own:
            yield text
            continue
        for extra in sorted(requirement.extras - seen):
            seen.add(extra)
            pending += project.extras.get(extra, ())


def _locks(root: Path) -> Iterable[tuple[Kind, Path]]:
    if (root / "pylock.toml").is_file():
        yield "pylock.toml", root / "pylock.toml"
    uv_lock = _uv_lock(root)
    if uv_lock:
        yield "uv.lock", uv_lock
    if (root / "requirements.txt").is_file():
        yield "requirements.txt", root / "requirements.txt"


def _uv_lock(root: Path) -> Path | None:
    """Return the lock of the project, or of the uv workspace around it."""
    if (root / "uv.lock").is_file():
        return root / "uv.lock"
    for folder in root.parents:
        if (folder / "uv.lock").is_file() and (folder / "pyproject.toml").is_file():
            return folder / "uv.lock" if b"[tool.uv.workspace]" in (folder / "pyproject.toml").read_bytes() else None
    return None


def machine_configuration(root: Path) -> list[str]:
    """Return digests of what else configures uv: its files and variables (which may hold credentials)."""
    found = [sha256_of(file) for file in configuration_files(root) if file.is_file()]
    variables = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("UV_"))
    return [*found, hashlib.sha256("\n".join(variables).encode("utf-8", "surrogateescape")).hexdigest()]


def _check_names(project: Project, settings: Settings) -> None:
    from hatch_aleph.settings.parse import nearest

    key = "tool.aleph" if settings.profile is None else f"tool.aleph.profiles.{settings.profile}"
    known: dict[str, Any] = {"extras": project.extras, "groups": project.groups}
    problems = [
        f"{key}.{kind}: the project has no `{name}`{nearest(name, known[kind])}"
        for kind, names in (("extras", settings.extras), ("groups", settings.groups))
        for name in names
        if name not in known[kind]
    ]
    if problems:
        raise SettingsError("\n".join(problems), where=str(project.root / "pyproject.toml"))


def _check_python(project: Project, runtime: Runtime) -> None:
    wanted = project.requires_python
    if not wanted:
        return
    simple = _PYTHON_AT_LEAST.fullmatch(wanted)
    if simple and int(simple[1]) <= int(runtime.python.partition(".")[2]):
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        # Any micro version will do: which one the image has is not known.
        fits = any(SpecifierSet(wanted).contains(f"{runtime.python}.{micro}") for micro in (0, 30))
    except InvalidSpecifier:
        fits = True  # the build backend will say so
    if not fits:
        raise DependencyError(
            f"requires-python is {wanted}, but the runtime {runtime.name} has Python {runtime.python}",
            where=str(project.root / "pyproject.toml"),
            hint="Widen requires-python, or choose another runtime: tool.aleph.runtime",
        )
