"""Find a project's application by reading its source. Nothing is imported, so nothing of the project runs."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.errors import ProjectError
from hatch_aleph.files import SELDOM_READ
from hatch_aleph.project import read_pyproject
from hatch_aleph.scaffold.frameworks import FRAMEWORKS, PROTOCOLS
from hatch_aleph.scaffold.listener import find_listener
from hatch_aleph.scaffold.ports import options_of
from hatch_aleph.scaffold.servers import SERVERS
from hatch_aleph.scaffold.start_commands import start_commands, table
from hatch_aleph.scaffold.syntax import Module
from hatch_aleph.settings.rules import EXECUTABLE_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hatch_aleph.scaffold.frameworks import Framework
    from hatch_aleph.scaffold.ports import Options
    from hatch_aleph.scaffold.start_commands import StartCommand

# Folders and files that hold no application that is meant to be deployed.
_PASSED_OVER = {*SELDOM_READ, "build", "dist", "env", "htmlcov", "migrations", "site-packages"}
_ASIDE = frozenset(
    {"benchmarks", "doc", "docs", "docs_src", "example", "examples", "samples", "scripts", "test", "tests"}
)
_NOT_SOURCE = re.compile(r"test_.*|.*_test\.py|conftest\.py|setup\.py|noxfile\.py")
# A folder with one of these is a project of its own.
_PROJECT_FILES = ("pyproject.toml", "requirements.txt", "Pipfile", "setup.py", "setup.cfg")
_WORKERS = re.compile(r"tasks?|workers?|celery\w*|cli|manage|console|commands?")
_USUAL_MODULES = ("main", "app", "asgi", "wsgi", "server", "application", "api", "__init__")
_MAX_FILES = 5_000
_MAX_BYTES = 1 << 20
_CLEARLY = 0.8
_TOLD_PORT = re.compile(r"\$(PORT\b|\{PORT\b)")
_PORT_OPTION = re.compile(rb"""["'][\w-]*port["']""")
# What a server of WSGI or ASGI serves is found by itself, and comes before its server, wherever it stands.
_LISTENS, _HOSTED = 2.5, 6
_ASKED = "and a program is asked on the one that PORT names:"
_ELSEWHERE = "{place}:{line} listens on port {port}, " + _ASKED + ' int(os.environ.get("PORT", {port}))'
_UNSEEN = (
    "{place}:{line} listens on a port that is not seen there, " + _ASKED + ' int(os.environ["PORT"]), or an option of '
    "the entry point, such as --port=$PORT"
)
_FILLED = (
    "{where} gives the application routes only when the project's own program is started, and an entry point is "
    "imported: name one that has them, such as a function `create_app()` that adds them and returns the application"
)


@dataclass(frozen=True)
class Application:
    """An application that was found.

    Attributes:
        entrypoint: For ``[tool.aleph]``: ``module:attribute``, or a command.
        framework: What it is made with.
        file: Where, relative to the project's root.
        line: The line of the file.
        executable: Whether it is a process that listens on a port.
        note: What the user should know before deploying it, or None.
        likelihood: How likely it is the one that is meant.
    """

    entrypoint: str
    framework: str
    file: str
    line: int
    executable: bool = False
    note: str | None = None
    likelihood: float = 0.0


@dataclass(frozen=True)
class _File:
    """A source file: where, what it holds, and the name that it is imported by."""

    place: Path
    source: bytes
    name: str

    @property
    def weight(self) -> float:
        """How usual it is for the application to stand in such a file."""
        usual = self.place.stem in _USUAL_MODULES
        folders = [part for part in self.place.parts[:-1] if part != "src"]
        return (
            (2 - 0.1 * _USUAL_MODULES.index(self.place.stem) if usual else 0)
            - 0.3 * len(folders)
            - 5 * bool(_ASIDE.intersection(folders))
            - bool(_WORKERS.fullmatch(self.place.stem))
        )

    def parse(self, known: Mapping[str, Framework]) -> Module | None:
        """Read the syntax; None when it is no Python of this version."""
        return Module.parse(self.name, self.source, package=self.place.stem == "__init__", known=known)


def find_applications(root: Path) -> list[Application]:
    """Return what looks like an application of a project, the likeliest first.

    Args:
        root: The project's root. Folders below it that are projects of their own are left out.
    """
    files = list(_sources(root))
    found: list[Application] = []
    starts = _starts(root, files)
    options: Options = {}
    for file in files:
        if _PORT_OPTION.search(file.source) and (declaring := file.parse({})):
            options.update(options_of(declaring.tree))
    known: dict[str, Framework] = {}
    called: set[str] = set()
    read: set[str] = set()
    filled: dict[str, str] = {}
    # Most files name no framework: parsing them would be most of the time. A second look finds `app = create_app()`
    # where the factory stands in another module.
    for pattern in (_HINTS, None):
        wanted = pattern or _names(known)
        for file in files:
            if file.name in read or wanted is None or not wanted.search(file.source):
                continue
            module = file.parse(known)
            if module is None:
                continue
            applications = list(_applications(file, module, starts.get(file.name), options))
            known.update({f"{file.name}.{name}": kind for name, kind in module.kinds.items()})
            called.update(module.called)
            filled.update({each: f"{file.place.as_posix()}:{line}" for each, line in module.filled().items()})
            if applications:
                read.add(file.name)
                found.extend(applications)
    exported = _exported(files, {each.entrypoint for each in found})
    found = [
        replace(each, likelihood=each.likelihood + (each.entrypoint in exported) - 2 * (_factory_name(each) in called))
        for each in found
    ]
    found = [
        replace(each, note=each.note or _FILLED.format(where=filled[name]))
        if not each.executable and (name := each.entrypoint.partition(":")[0]) in filled
        else each
        for each in found
    ]
    for command in start_commands(root):
        found.extend(_declared(root, command, {file.name for file in files}, found))
    best = {each.entrypoint: each for each in sorted(found, key=lambda each: each.likelihood)}
    return sorted(best.values(), key=lambda each: (-each.likelihood, each.entrypoint))


def _factory_name(application: Application) -> str:
    """Return the dotted name of the factory that an entry point calls."""
    return application.entrypoint.removesuffix("()").replace(":", ".") if application.entrypoint.endswith("()") else ""


def _exported(files: Sequence[_File], entrypoints: set[str]) -> set[str]:
    """Return the entry points whose application a package's ``__init__`` hands on: it is the package's own."""
    exported: set[str] = set()
    for file in files:
        if file.place.stem == "__init__" and b"import" in file.source and (module := file.parse({})):
            names = set(module.names.values())
            exported.update(
                each
                for each in entrypoints
                if each.replace(":", ".") in names or each.partition(":")[0] in module.stars
            )
    return exported


def clear_choice(found: Sequence[Application]) -> Application | None:
    """Return the application that is meant if there is no doubt: the only one, or one well before the others."""
    if not found or (len(found) > 1 and found[0].likelihood - found[1].likelihood < _CLEARLY):
        return None
    return found[0]


def projects_below(root: Path) -> list[Path]:
    """Return the folders right below a root that are projects of their own."""
    return [
        folder
        for folder in sorted(root.iterdir())
        if folder.is_dir()
        and not folder.name.startswith(".")
        and any((folder / name).is_file() for name in _PROJECT_FILES)
    ]


def _starts(root: Path, files: Sequence[_File]) -> dict[str, str]:
    """Return the commands that start modules in which nothing starts by itself, by the modules' names.

    These are the scripts that the project installs, and what a package's ``__main__`` or a script of the root imports.
    """
    try:
        pyproject = read_pyproject(root)
    except ProjectError:  # there is none yet
        pyproject = {}
    tables = (table(pyproject, "project"), table(table(pyproject, "tool"), "poetry"))
    starts = {str(target).partition(":")[0]: name for each in tables for name, target in table(each, "scripts").items()}
    for file in files:
        package = file.place.stem == "__main__"
        if not package and (file.place.parent != Path() or b"__main__" not in file.source):
            continue
        module = file.parse({})
        if module and (package or module.is_script):
            command = f"python3 -m {file.name.removesuffix('.__main__')}" if package else f"python3 {file.place}"
            for dotted in module.names.values():
                for name in (dotted, dotted.rpartition(".")[0]):
                    starts.setdefault(name, command)
    return starts


def _declared(root: Path, start: StartCommand, names: set[str], found: Sequence[Application]) -> Iterator[Application]:
    """Yield what a project's own start command runs: an application before all others, a process if nothing else is."""
    named = start.application
    if named and named.partition(":")[0] in names:
        by_name = {each.entrypoint.partition(":")[2]: each for each in found if not each.executable}
        like = by_name.get(named.partition(":")[2])  # the same one, perhaps, handed on by another module
        same = next((each for each in found if each.entrypoint == named), None)
        made = same or Application(named, like.framework if like else "an application", start.file, start.line)
        yield replace(made, likelihood=max((each.likelihood for each in found), default=0) + 1)
        return
    command = None if named else start.in_guest(root)
    if command is None:
        return
    processes = (each for each in found if each.executable)
    scripts = (each for each in processes if each.file in start.words or each.entrypoint.startswith(command))
    script = next(scripts, None)
    told = _TOLD_PORT.search(command)
    if script and not told:
        return  # which is known, and how it is told its port
    note = None if told or start.words[0] == "node" else _UNSEEN.format(place=start.file, line=start.line)
    kind = "Node.js" if start.words[0] == "node" else script.framework if script else "a server"
    likelihood = max((each.likelihood for each in found if each.executable), default=-_LISTENS) + 1
    yield Application(command, kind, start.file, start.line, executable=True, note=note, likelihood=likelihood)


def _applications(file: _File, module: Module, start: str | None, options: Options) -> Iterator[Application]:
    place = file.place.as_posix()
    listener = find_listener(module, started=start is not None, options=options)
    command, elsewhere = start or module.command or f"python3 {place}", None
    if listener:
        port = listener.port
        if port is None:
            elsewhere = _UNSEEN.format(place=place, line=listener.line)
        elif port.number != EXECUTABLE_PORT and port.command:
            command = port.command.format(command)
        elif port.number != EXECUTABLE_PORT:
            elsewhere = _ELSEWHERE.format(place=place, line=port.line, port=port.number)
    for made in module.applications():
        framework, likelihood = made.framework, file.weight + made.likelihood
        if framework.name == "Django" and file.place.stem == "asgi":
            likelihood -= 1.5  # startproject writes it beside wsgi.py, under which Django's own parts run as usual
        if framework.listens:
            if module.is_script or listener:
                note = framework.note or elsewhere
                yield Application(command, framework.name, place, made.line, True, note, likelihood - 0.5)
            continue
        entrypoint = f"{file.name}:{made.name}{framework.suffix}"
        yield Application(entrypoint, framework.name, place, made.line, False, framework.note, likelihood)
    # Deep in a package a script that listens is a library's own try-out, as in a vendored bottle.py.
    if listener and (start or file.name.count(".") <= 1):
        kind = listener.framework
        likelihood = file.weight - (_HOSTED if listener.hosts else _LISTENS)
        note = (kind and kind.note) or elsewhere
        name = kind.name if kind else "a server"
        yield Application(command, name, place, listener.line, True, note, likelihood)


def _names(known: Mapping[str, Framework]) -> re.Pattern[bytes] | None:
    names = {name.rpartition(".")[2] for name in known}
    return re.compile(b"|".join(rb"\b%s\b" % re.escape(name.encode()) for name in sorted(names))) if names else None


_HINTS = re.compile(
    b"|".join(sorted({re.escape(name.partition(".")[0].encode()) for name in (*FRAMEWORKS, *SERVERS, *PROTOCOLS)}))
)


def _sources(root: Path) -> Iterator[_File]:
    packaged = (root / "pyproject.toml").is_file()
    count = 0
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if _looked_into(here / name))
        for name in sorted(names):
            file = here / name
            if not name.endswith(".py") or _NOT_SOURCE.fullmatch(name):
                continue
            count += 1
            if count > _MAX_FILES:
                return
            imported = _import_name(root, file, packaged=packaged)
            if imported and file.is_file() and file.stat().st_size <= _MAX_BYTES:
                yield _File(file.relative_to(root), file.read_bytes(), imported)


def _looked_into(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in _PASSED_OVER or (folder / "pyvenv.cfg").exists():
        return False
    return not any((folder / name).is_file() for name in _PROJECT_FILES)


def _import_name(root: Path, file: Path, *, packaged: bool) -> str | None:
    """Return the dotted name of a module: from the root, ``src``, ``manage.py``, or where its packages begin.

    Args:
        root: The project's root.
        file: The module.
        packaged: Whether a build backend decides what is installed; only then may packages begin anywhere.
    """
    start = root / "src" if (root / "src") in file.parents else root
    below = (each for each in file.parents if root in each.parents)
    managed = next((each for each in below if (each / "manage.py").is_file()), None)
    if managed:
        start = managed  # Django's, from whose folder it imports
    elif packaged:
        top = file.parent
        while top != start and (top / "__init__.py").is_file():
            top = top.parent
        start = top if top != file.parent else start
    parts = list(file.relative_to(start).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None
