"""Tells whether a build would change nothing, without doing it.

A build leaves a note of the state of everything it read: the files of the project by size and time, what configures
uv, the interpreter, this tool itself. As long as all of it is as it was, and the artifact lies there untouched, the
artifact is the answer. Whatever cannot be judged by such a look (build hooks, files from outside, links to folders) is
built.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph import __version__, interpreters
from hatch_aleph.artifact import SUFFIX, Artifact, lock_and_sbom_names
from hatch_aleph.build.cache import Cache, key_of
from hatch_aleph.build.packages.inputs import machine_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatch_aleph.project import Project

# Never looked into unless pyproject.toml names them: no build reads them, and some are huge.
# fmt: off
_PASSED = frozenset((
    ".git", ".hg", ".aleph", "__pycache__", ".venv", "venv", "node_modules", ".nox", ".tox", ".mypy_cache",
    ".ruff_cache", ".pytest_cache", ".hypothesis", ".idea",
))
# fmt: on
_MAX_FILES = 20_000  # looking at more takes longer than many a build
_TICK = 20_000_000  # ns; a file changed that shortly before may change again with the same time


@dataclass(frozen=True)
class State:
    """What a build of a project reads, as it is now.

    Attributes:
        cache: Where notes are kept.
        key: Names the note of this project, destination and way of building.
        digest: Of the state; "" when it cannot be told.
        destination: Folder of the artifact.
        taken: When.
    """

    cache: Cache
    key: str
    digest: str
    destination: Path
    taken: float

    @classmethod
    def take(cls, project: Project, destination: Path, *, profile: str | None, ways: tuple[bool, ...]) -> State:
        """Look at everything.

        Args:
            project: What is built.
            destination: Where to.
            profile: Of the settings.
            ways: Flags that lead to other results.
        """
        cache = Cache.default()
        key = key_of("artifact", str(project.root), str(destination.absolute()), profile, ways)
        now = time.time_ns()
        digest = ""
        if _can_be_told(project):
            found = _stamps(project.root, destination.absolute(), str(project.pyproject))
            stamps = sorted(islice(found, _MAX_FILES))
            newest = max((stamp[2] for stamp in stamps), default=0)
            if len(stamps) < _MAX_FILES and newest < now - _TICK and all(stamp[1] >= 0 for stamp in stamps):
                digest = key_of(stamps, project.version, machine_configuration(project.root), _tool())
        return cls(cache, key, digest, destination, now / 1e9)

    def recall(self) -> Artifact | None:
        """Return the artifact of an earlier build if another one would be the same."""
        note = self.cache.load("builds", self.key) if self.digest else None
        if not note or note["digest"] != self.digest or not self.taken < note["until"]:
            return None
        if note["files"] != self._files(note["files"]):
            return None
        if note["interpreter"] and not self._has(*note["interpreter"]):
            return None
        return Artifact.load(self.destination / next(name for name in note["files"] if name.endswith(SUFFIX)))

    def keep(self, artifact: Artifact, *, until: float) -> None:
        """Note that the state leads to an artifact, and until when that is to be believed."""
        if not self.digest:
            return
        python = artifact.manifest.runtime.get("python", "")
        found = interpreters.find(python, memory=self.cache.interpreters) if python else None
        stem = artifact.path.name.removesuffix(SUFFIX)
        names = [artifact.path.name, *(image.file for image in artifact.manifest.images)]
        if artifact.manifest.image("packages"):
            names += lock_and_sbom_names(stem)
        note = {
            "digest": self.digest,
            "until": until,
            "files": self._files(names),
            "interpreter": [python, found.version] if found else None,
        }
        self.cache.store("builds", self.key, note)

    def _has(self, minor: str, version: str) -> bool:
        found = interpreters.find(minor, memory=self.cache.interpreters)
        return found is not None and found.version == version

    def _files(self, names: Any) -> dict[str, list[int] | None]:
        return {name: _stamp(self.destination / name) for name in names}


def _can_be_told(project: Project) -> bool:
    build: Mapping[str, Any] = project.pyproject.get("tool", {}).get("hatch", {}).get("build", {})
    for table in (build, *build.get("targets", {}).values()):
        if set(table.get("hooks", ())) - {"aleph"}:
            return False
        paths = [*table.get("force-include", ()), *table.get("sources", ())]
        if any(str(path).startswith(("..", "/", "~")) for path in paths):
            return False
    return "{env:" not in str(project.pyproject) and "{home" not in str(project.pyproject)


def _stamps(root: Path, destination: Path, mentioned: str) -> Iterator[tuple[str, int, int, int]]:
    """Yield path, size, time and mode of every file; size -1 for what cannot be judged."""
    passed = {name for name in _PASSED if name not in mentioned}
    folders = [str(root)]
    skipped = str(destination)
    while folders:
        current = folders.pop()
        try:
            items = os.scandir(current)
        except OSError:
            yield current, -1, 0, 0
            continue
        with items:
            for item in items:
                if item.is_dir(follow_symlinks=False):
                    if item.name not in passed and item.path != skipped:
                        folders.append(item.path)
                    continue
                try:
                    status = item.stat()
                except OSError:  # a link to nowhere
                    continue
                linked_folder = item.is_symlink() and item.is_dir()
                size = -1 if linked_folder else status.st_size
                yield item.path, size, status.st_mtime_ns, status.st_mode
    for folder in root.parents:  # what git ignores, and a workspace's lock
        for name in (".gitignore", "uv.lock"):
            stamp = _stamp(folder / name)
            if stamp:
                yield str(folder / name), stamp[0], stamp[1], 0


def _tool() -> list[Any]:
    """Return the state of this tool: version, files, and the folders that other plugins are installed in."""
    own = Path(__file__).parents[1]
    files = [_stamp(file) for file in sorted(own.rglob("*.py"))]
    installed = [path for path in sys.path if path.endswith("-packages")]  # site-, or Debian's dist-packages
    return [__version__, sys.version, files, [[path, _stamp(Path(path))] for path in installed]]


def _stamp(file: Path) -> list[int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ino]
