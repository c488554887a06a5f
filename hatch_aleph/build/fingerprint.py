"""The one account of what a build depends on.

A fingerprint covers everything that a build reads: the files of the project by size, time, mode and the targets of
links; metadata, settings and profile; what plugins add; the environment, the configuration of uv, this tool. As long as
it is the same and the files of the earlier build lie there untouched, its result is the result. What cannot be judged
by looking at it (build hooks, which may do anything) has no fingerprint and is always built.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph import __version__
from hatch_aleph.build.cache import key_of
from hatch_aleph.environment import variables
from hatch_aleph.files import SELDOM_READ, stamp, stamp_of
from hatch_aleph.uv import WITHHELD, configuration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hatch_aleph.build.context import BuildContext
    from hatch_aleph.project import Project

_BUILT = (".aleph.json", ".squashfs", ".zip", ".cdx.json", ".toml", ".whl", ".tar.gz")  # what builds leave in dist
_MAX_FILES = 20_000  # looking at more takes longer than many a build
_TICK = 20_000_000  # ns; a file changed that shortly before may change again with the same time
# What differs from one shell to the next, and what no backend has a reason to read.
_NOISE = re.compile(
    r"_|PWD|OLDPWD|SHLVL|COLUMNS|LINES|LS_COLORS|PS\d|DISPLAY|WINDOWID|STY|PYTEST_.*|(TERM|SSH|XDG|DBUS|TMUX|VTE|GPG)(_.*)?"
)
_FORMATTED = re.compile(r"\{env:([^:}]+)")  # Hatch's context formatting


def fingerprint_of(context: BuildContext) -> str | None:
    """Return the digest of everything a build reads; None when that cannot be told by a look.

    A file that was written a moment ago may be written again with the same time: the look waits out that moment.
    """
    project = context.project
    if _has_hooks(project):
        return None
    volumes = [volume.path for volume in context.settings.volumes.immutable if volume.path]
    files = list(islice(_files(project, context.destination.absolute(), volumes), _MAX_FILES))
    wait = max((max(row[2], row[5]) for row in files), default=0) + _TICK - time.time_ns()
    if len(files) == _MAX_FILES or wait > _TICK:  # too many, or written in the future
        return None
    time.sleep(max(wait, 0) / 1e9)
    return key_of(
        sorted(files),
        [project.name, project.version, project.dependencies, project.extras, project.requires_python],
        context.given_by_plugins(),
        [context.profile, context.locked, context.offline, context.searched, context.metadata is None],
        configuration(project.root),
        _environment(project),
        repr(context.runtime),  # what was read of its image may be newer
        _tool(),
    )


def _has_hooks(project: Project) -> bool:
    """Tell whether Hatch runs build hooks of others."""
    build: Mapping[str, Any] = project.pyproject.get("tool", {}).get("hatch", {}).get("build", {})
    tables = (build, *build.get("targets", {}).values())
    return any(set(table.get("hooks", ())) - {"aleph"} for table in tables)


def _files(project: Project, destination: Path, volumes: Iterable[str]) -> Iterator[list[Any]]:
    """Yield everything that a build may read, links followed: path, stamp, time of change, text of a link."""
    texts = set(_texts(project.pyproject))
    mentioned = " ".join(texts)
    # Not looked into unless pyproject.toml names them: some are huge.
    passed = {name for name in SELDOM_READ if name not in mentioned}
    outside = [os.path.expanduser(text) for text in texts if text.startswith(("../", "/", "~/"))]  # noqa: PTH111, TID251 - text
    paths = [str(project.root), *(str(project.root / path) for path in (*outside, *volumes, *_included(project.root)))]
    for folder in project.root.parents:  # what hatchling and uv look for there
        paths += [str(folder / name) for name in (".gitignore", ".hgignore", "hatch.toml", "pyproject.toml", "uv.lock")]
    if project.backend != "hatchling.build":
        paths += _revision(project.root)
    seen: set[tuple[int, int]] = set()
    while paths:
        path = paths.pop()
        try:
            status = os.stat(path)  # noqa: PTH116 - pathlib takes twice as long, and there are thousands
        except OSError:
            continue  # a link to nowhere, whose text is told with its folder
        if not stat.S_ISDIR(status.st_mode):
            yield _row(path, status)
        elif (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            items = _items(path, passed, project if path == str(destination) else None)
            paths += [item.path for item in items if _is_folder(item)]
            for item in items:
                if item.is_symlink():
                    link = os.readlink(item.path)  # noqa: PTH115 - likewise
                    leads_somewhere = os.path.exists(item.path)  # noqa: PTH110, TID251 - likewise
                    yield _row(item.path, item.stat(follow_symlinks=leads_somewhere), link)
                elif not _is_folder(item):
                    yield _row(item.path, item.stat())


def _included(root: Path) -> list[str]:
    """Return the files that requirements.txt includes, which may lie outside of the project."""
    file = root / "requirements.txt"
    if not file.is_file():
        return []
    from hatch_aleph.build.packages.other_locks import read_requirements

    return [str(each) for each in read_requirements(file).files]


def _items(folder: str, passed: set[str], built: Project | None) -> list[os.DirEntry[str]]:
    """Return what a build may read in a folder; ``built`` is the project whose builds go there."""
    try:
        items = [item for item in os.scandir(folder) if item.name not in passed]
    except OSError:
        return []
    if any(item.name == "pyvenv.cfg" for item in items):  # a virtual environment, whatever its name
        return []
    if built is not None:
        own = (built.normalized_name, "pylock.", ".")
        items = [item for item in items if not (item.name.startswith(own) and item.name.endswith(_BUILT))]
    return items


def _is_folder(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _row(path: str, status: os.stat_result, link: str = "") -> list[Any]:
    # The time of change also tells of other names of the same file.
    return [path, *stamp_of(status), status.st_ctime_ns if status.st_nlink == 1 else 0, link]


def _texts(value: Any) -> Iterator[str]:
    """Yield every string in a parsed TOML file, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _revision(root: Path) -> list[str]:
    """Return the files that tell which commit is checked out: backends make versions of it."""
    for folder in (root, *root.parents):
        git = folder / ".git"
        if git.is_dir():
            return [str(git / name) for name in ("HEAD", "packed-refs", "refs")]
        if git.is_file():  # a linked working tree: its HEAD lies apart from the branches
            own = folder / git.read_text("utf-8", "replace").partition("gitdir: ")[2].strip()
            return [str(own / "HEAD"), *(str(own.parents[1] / name) for name in ("packed-refs", "refs"))]
    return []


def _environment(project: Project) -> dict[str, str]:
    """Return the variables that may matter: all but noise for backends that run as they like."""
    text = str(project.pyproject)
    if project.backend != "hatchling.build":
        return {name: value for name, value in variables().items() if not (_NOISE.fullmatch(name) or name in WITHHELD)}
    named = {*_FORMATTED.findall(text), "SOURCE_DATE_EPOCH", *(("HOME",) if "{home" in text else ())}
    return {name: value for name, value in variables().items() if name in named or name.startswith("HATCH_BUILD_")}


def _tool() -> list[Any]:
    """Return the state of this tool: version, files, the folders that plugins lie in."""
    files = []
    folders = [str(Path(__file__).parents[1])]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    files.append([entry.path, stamp(entry.path)])
                elif entry.is_dir() and entry.name != "__pycache__":
                    folders.append(entry.path)
    installed = [path for path in sys.path if path.endswith("-packages")]  # site-, or Debian's dist-packages
    return [__version__, sys.version, sorted(files), [[path, stamp(path)] for path in installed]]
