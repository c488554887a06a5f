"""Where the dependencies of a project are written, and what decides which distributions they are.

In this order: ``pylock.toml``, ``uv.lock``, the locks of Poetry, PDM and Pipenv, a ``requirements.txt`` in which
everything has hashes, the project's own dependencies, any other ``requirements.txt``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hatch_aleph.build.cache import key_of
from hatch_aleph.build.packages.lookalikes import lookalikes, more_in_poetrys_table, other_indexes, unread_locks
from hatch_aleph.build.packages.other_locks import read_requirements
from hatch_aleph.errors import DependencyError, ProjectError, SettingsError
from hatch_aleph.files import sha256_of
from hatch_aleph.project import read_pyproject
from hatch_aleph.text import normalize, without_credentials
from hatch_aleph.uv import configuration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from hatch_aleph.project import Project
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings

Kind = Literal[
    "pylock.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "hashed requirements", "requirements",
    "pyproject.toml",
]  # fmt: skip
_VERSIONS_ALONE: tuple[Kind, ...] = ("poetry.lock", "pdm.lock")  # not which packages the project itself wants
# Of pip's options in a requirements file: what uv reads, what wheels alone make pointless, and ours (see solver.py).
_FOLLOWED = (
    "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index", "--no-binary", "--only-binary",
    "--pre", "--prefer-binary",
)  # fmt: skip
_REQUIRED = re.compile(r"\s*([\w.-]+)\s*(\[[^]]*\])?")  # a distribution and its extras
_NAMED = 3  # requirements that fit a line
_STAND_INS = ("Pipfile.lock", "requirements.txt")  # for what a project does not declare


@dataclass(frozen=True)
class Candidate:
    """A file that may have a project's dependencies.

    Attributes:
        kind: Which form they are written in.
        file: Where they stand.
        content: Digest of that file and those that it includes; "" for pyproject.toml, whose parts are in ``wanted``.
    """

    kind: Kind
    file: Path
    content: str


@dataclass(frozen=True)
class Inputs(Candidate):
    """What decides which distributions are vendored.

    Attributes:
        wanted: Digest of what the project asks for, the same on every machine: dependencies, extras, groups, its
            configuration of uv, runtime.
        machine: Digest of what this machine adds: uv's own configuration files and variables.
        configured: Whether the project, or a folder around it, configures uv.
        any: Whether there is anything to vendor.
        stand_in: A file that stands for the dependencies of a project that declares none.
        unread: A line for each file that looks like a source of dependencies and is none, and for what else is wanted
            in vain.
    """

    wanted: str
    machine: str
    configured: bool
    any: bool
    stand_in: Path | None = None
    unread: tuple[str, ...] = ()

    @property
    def locked(self) -> bool:
        """Whether the versions stand in a file."""
        return self.kind not in ("pyproject.toml", "requirements")

    @property
    def digest(self) -> str:
        """Digest of all of it."""
        return key_of(self.kind, self.content, self.wanted, self.machine)


def gather(project: Project, settings: Settings, runtime: Runtime) -> Inputs:
    """Find the file that has a project's dependencies.

    Raises:
        SettingsError: For extras and groups that the project does not have.
        DependencyError: When the project does not run on the runtime's Python, or a file cannot be read.
    """
    _check_names(project, settings)
    _check_python(project, runtime)
    found = list(_candidates(project.root))
    declared = bool(project.dependencies or settings.extras or settings.groups)
    dynamic = "dependencies" in project.pyproject.get("project", {}).get("dynamic", ())  # read by a plugin, perhaps
    stand_in = next((each for each in found if not declared and not dynamic and each.file.name in _STAND_INS), None)
    usable = (each for each in found if each.kind != "requirements" and (declared or each.kind not in _VERSIONS_ALONE))
    pyproject = Candidate("pyproject.toml", project.root / "pyproject.toml", "")
    used = next(usable, stand_in or pyproject)
    unread = [each for each in found if each not in (used, stand_in) and not (dynamic and each.kind == "requirements")]
    uv_file = project.root / "uv.toml"
    own = _of_itself(project, settings)
    workspace = _workspace(project.root)
    wanted = key_of(
        _anywhere(project.dependencies, project.root),
        {name: _anywhere(project.extras[name], project.root) for name in settings.extras},
        list(settings.groups) and [settings.groups, project.groups],
        sorted(settings.allow_source),
        project.pyproject.get("tool", {}).get("uv", {}),
        sha256_of(uv_file) if uv_file.is_file() else "",
        stand_in.content if stand_in else "",
        [runtime.python, runtime.platform],
        *([read_pyproject(workspace)["tool"]["uv"]] if workspace else ()),
        *([normalize(project.name)] if own else ()),  # elsewhere the same requirement is another distribution
    )
    folders = (project.root, *project.root.parents)
    return Inputs(
        used.kind,
        used.file,
        used.content,
        wanted,
        machine=key_of(configuration(project.root)),
        configured=bool(workspace)
        or "uv" in project.pyproject.get("tool", {})
        or any((each / "uv.toml").is_file() for each in folders),
        any=declared or used is not pyproject,
        stand_in=stand_in.file if stand_in else None,
        unread=(
            *filter(None, (_unread(each, used, project, settings) for each in unread)),
            *unread_locks(project.root, _first(used)),
            *(() if declared or dynamic or used is not pyproject else lookalikes(project)),
            *(_options(used.file) if used is stand_in and used.kind == "requirements" else ()),
            *(more_in_poetrys_table(project) if project.dependencies else ()),
            *other_indexes(project),
            *(f"{each} is not installed: the project itself has that name" for each, extras in own if not extras),
        ),
    )


def _of_itself(project: Project, settings: Settings) -> list[tuple[str, bool]]:
    """Return the requirements that name the project itself, and whether each stands for extras of its own."""
    texts = [*project.dependencies, *(text for name in settings.extras for text in project.extras[name])]
    found = [(text, match) for text in texts if (match := _REQUIRED.match(text))]
    return [
        (text, not {*re.findall(r"[\w.-]+", match[2] or "")}.isdisjoint(project.extras))
        for text, match in found
        if normalize(match[1]) == normalize(project.name)
    ]


def _anywhere(requirements: Iterable[str], root: Path) -> list[str]:
    """Return requirements as they read on every machine: Hatch's ``{root:uri}`` is the project's place on this one."""
    return sorted(each.replace(root.as_uri(), "{root:uri}") for each in requirements)


def _candidates(root: Path) -> Iterator[Candidate]:
    """Yield the files that may have a project's dependencies, the first that counts first."""
    uv_lock = _uv_lock(root)
    files: list[tuple[Kind, Path]] = [("pylock.toml", root / "pylock.toml"), ("uv.lock", uv_lock or root / "uv.lock")]
    files += [(kind, root / kind) for kind in (*_VERSIONS_ALONE, "Pipfile.lock")]
    for kind, file in files:
        if file.is_file():
            yield Candidate(kind, file, sha256_of(file))
    if (root / "requirements.txt").is_file():
        read = read_requirements(root / "requirements.txt")
        if read.lines:
            kind = "requirements" if read.unhashed else "hashed requirements"
            yield Candidate(kind, root / "requirements.txt", read.digest)


def _unread(other: Candidate, used: Candidate, project: Project, settings: Settings) -> str:
    """Tell that a file does not count, and why; "" for requirements that all stand in the project as well."""
    why = f"{_first(used)} comes first"
    if other.kind == "requirements":
        lines = _not_declared(read_requirements(other.file).lines, project, settings)
        if not lines:
            return ""
        more = f" and {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
        why = f"not everything in it has a hash, and {why}; it alone has {', '.join(lines[:_NAMED])}{more}"
    elif not (project.dependencies or settings.extras or settings.groups) and other.kind in _VERSIONS_ALONE:
        why = "it does not say which of its packages the project needs, and project.dependencies is empty"
    return f"{other.file.name} is not read: {why}"


def _options(file: Path) -> Iterator[str]:
    """Tell of pip's options that uv passes over."""
    for option in read_requirements(file).options:
        if not option.startswith(_FOLLOWED):
            yield f"{option.partition('=')[0].split()[0]} in {file.name} is not followed"


def _first(used: Candidate) -> str:
    return "project.dependencies" if used.kind == "pyproject.toml" else used.file.name


def _not_declared(lines: Iterable[str], project: Project, settings: Settings) -> list[str]:
    """Return the requirements that the project does not have as they are written, or written otherwise."""
    declared = list(direct(project, settings))
    rest = [each for each in lines if each not in declared]
    if rest:
        known = {canonical(each) for each in declared}
        rest = [each for each in rest if canonical(each) not in known]
    return rest


def canonical(text: str) -> str:
    """Return a requirement in the one spelling of all that mean the same; what is none as it is."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return text
    requirement.name = normalize(requirement.name)
    return str(requirement)


def is_stale(locked: Mapping[str, str], project: Project, settings: Settings, runtime: Runtime) -> str | None:
    """Return which requirement of the project a lock does not meet, or None when it meets all.

    Args:
        locked: Versions by normalised name; "" for an unknown one.
        project: Whose requirements.
        settings: Name its extras and groups.
        runtime: Decides markers.
    """
    from packaging.requirements import Requirement

    from hatch_aleph.build.packages.tags import environment

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
    """Yield what the project itself requires, its own extras and groups resolved.

    Raises:
        DependencyError: For what is no requirement.
    """
    from packaging.dependency_groups import resolve_dependency_groups
    from packaging.requirements import InvalidRequirement, Requirement

    own, seen = normalize(project.name), set(settings.extras)
    pending = list(project.dependencies)
    for extra in settings.extras:
        pending += project.extras[extra]
    if settings.groups:
        pending += [str(each) for each in resolve_dependency_groups(project.groups, *settings.groups)]
    while pending:
        text = pending.pop(0)
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise DependencyError(
                f"{without_credentials(text)!r} is no requirement: {str(error).splitlines()[0]}.",
                where=str(project.root / "pyproject.toml"),
            ) from error
        if normalize(requirement.name) != own:
            yield text
            continue
        for extra in sorted(requirement.extras - seen):
            seen.add(extra)
            pending += project.extras.get(extra, ())


def _uv_lock(root: Path) -> Path | None:
    """Return the lock of the project, or of the uv workspace around it."""
    if (root / "uv.lock").is_file():
        return root / "uv.lock"
    workspace = _workspace(root)
    return workspace / "uv.lock" if workspace and (workspace / "uv.lock").is_file() else None


def _workspace(root: Path) -> Path | None:
    """Return the folder of the uv workspace above of which a project is a member."""
    return next((folder for folder in root.parents if _has_member(folder, root)), None)


def _has_member(folder: Path, root: Path) -> bool:
    if not (folder / "pyproject.toml").is_file():
        return False
    try:
        workspace = read_pyproject(folder).get("tool", {}).get("uv", {}).get("workspace", {})
        named, excluded = (
            any(root in folder.glob(pattern) for pattern in workspace.get(key, ())) for key in ("members", "exclude")
        )
    except (ProjectError, ValueError, NotImplementedError):  # TOML or a pattern that is none, of somebody else perhaps
        return False
    return named and not excluded


def _check_python(project: Project, runtime: Runtime) -> None:
    wanted = project.requires_python or ""
    if not runtime.accepts(wanted):
        from hatch_aleph.build.packages.alternatives import line_of
        from hatch_aleph.runtimes import way_out

        raise DependencyError(
            f"requires-python is {wanted}, and programs run on Python {runtime.python} (runtime {runtime.name}).",
            where=line_of(project.root, ("pyproject.toml",), "requires-python", "python")
            or str(project.root / "pyproject.toml"),
            hint=way_out(wanted, runtime),
        )


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
