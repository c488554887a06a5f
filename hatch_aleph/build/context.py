"""What one build works with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from hatch_aleph import runtimes
from hatch_aleph.build.cache import Cache
from hatch_aleph.observer import Observer
from hatch_aleph.plugins import PLUGINS
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hatch_aleph.artifact import FileHashes
    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.project import Project
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings
    from hatch_aleph.squashfs import Entry


class Published(Protocol):
    """Knows images that others have built of the same inputs: they need not be built again."""

    def __call__(self, inputs: str, destination: Path) -> FileHashes | None:
        """Put the image of these inputs in place, and return its hashes; None when there is none."""


@dataclass(frozen=True)
class BuildContext:
    """One build of a project. Settings, runtime and what plugins give are read when they are first asked for.

    Attributes:
        project: What is built.
        destination: Folder of the artifact.
        profile: Name of the profile to lay over the settings.
        cache: What earlier builds left.
        metadata: hatchling's metadata when hatchling is calling: the environment then has all that the build needs.
        locked: Whether a stale lock is an error.
        offline: Whether caches alone are used.
        searched: Whether code and volumes in which something looks like a secret are refused.
        published: Fetches the packages image of the same inputs, if there is one.
        notice: Called with what the user should know, a line each.
        observer: Receives the steps and how far they are.
        told: What was told.
        warnings: What the manifest says that the user should know before publishing.
    """

    project: Project
    destination: Path
    profile: str | None = None
    cache: Cache = field(default_factory=Cache.default)
    metadata: Any = None
    locked: bool = False
    offline: bool = False
    searched: bool = True
    published: Published | None = None
    notice: Callable[[str], None] = lambda _: None
    observer: Observer = field(default_factory=Observer)
    told: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def settings(self) -> Settings:
        """With the profile laid over them.

        Raises:
            SettingsError: With all mistakes.
        """
        return self.project.settings(self.profile)

    @property
    def harmless(self) -> Sequence[str]:
        """What may look like a secret: the settings' patterns, or all."""
        return self.settings.secrets.allow if self.searched else ("*",)

    @cached_property
    def runtime(self) -> Runtime:
        """What it is built for."""
        return runtimes.chosen(self.settings.runtime, self.settings.python)

    @cached_property
    def extra_files(self) -> tuple[Entry, ...]:
        """What plugins add to the code image."""
        given = PLUGINS.call("aleph_extra_files", project=self.project, settings=self.settings)
        return tuple(entry for entries in given for entry in entries)

    def given_by_plugins(self) -> list[Any]:
        """Return all that plugins decide of a build; most projects have none, and their settings are not read."""
        plugins = PLUGINS.implementing("aleph_extra_files", "aleph_runtimes", "aleph_settings")
        if not plugins:
            return []
        files = [[each.path, each.kind, each.mode, each.target, each.sha256()] for each in self.extra_files]
        return [plugins, asdict(self.settings), asdict(self.runtime), files]

    @property
    def stem(self) -> str:
        """First part of the names of all files of the artifact."""
        return self.project.stem if self.profile is None else f"{self.project.stem}-{self.profile}"

    def tell(self, text: str) -> None:
        """Tell the user something once."""
        if text not in self.told:
            self.told.append(text)
            self.notice(text)

    def warn(self, *texts: str) -> None:
        """Note what the user should know before publishing; whoever asked for the build shows it."""
        shown = (printable(text, keep="\n") for text in texts)  # names of files need be no text
        self.warnings.extend(text for text in shown if text not in self.warnings)

    def interpreter(self) -> Interpreter | None:
        """Return what compiles the bytecode; None when there shall be none, or no such Python can be had."""
        from hatch_aleph.build.bytecode import find_interpreter

        if not self.settings.bytecode:
            return None
        return find_interpreter(self.runtime, self.cache, self.tell, offline=self.offline)
