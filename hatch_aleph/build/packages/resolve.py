"""From inputs to a lock for the runtime: reads the lock there is, or lets uv resolve."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from hatch_aleph.build.aside import Aside
from hatch_aleph.build.cache import key_of
from hatch_aleph.build.packages.inputs import direct, is_stale, requirements
from hatch_aleph.build.packages.lock import TOOL, Lock, made_for, normalize, parse, pylock_text, read_lock
from hatch_aleph.build.packages.pages import BELIEVED_SECONDS, Pages, believed
from hatch_aleph.errors import DependencyError
from hatch_aleph.text import without_user_parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_aleph.build.cache import Cache
    from hatch_aleph.build.packages.inputs import Inputs
    from hatch_aleph.project import Project
    from hatch_aleph.settings import Settings
    from hatch_aleph.uv import Outcome, Uv

_PINNED = re.compile(r"([\w.-]+)(?:\[.*?\])?\s*==\s*([^\s;]+)")
_SELECTED = re.compile(r"^DEBUG Selecting: ([\w.-]+)(?:\[.*?\])?==(\S+) ", re.MULTILINE)
_STALE = 1  # how `uv export --locked` ends for a lock that does not fit; 2 for everything else


class Meanwhile(Protocol):
    """Gets ready for what the index will probably answer."""

    def __call__(self, guess: Lock, wrong: Callable[[], bool], /) -> None:
        """Work, and stop early once ``wrong`` says that the index answered something else."""


def idle(_guess: Lock, _wrong: Callable[[], bool]) -> None:
    """Get nothing ready."""


@dataclass(frozen=True)
class Resolver:
    """All that resolving depends on.

    Attributes:
        project: Whose dependencies.
        settings: Name extras, groups and what may be built.
        uv: Resolves.
        cache: Remembers resolutions for ten minutes.
        scratch: A folder for intermediate files.
        notice: Told when a lock is stale.
        meanwhile: Called while an index is asked.
    """

    project: Project
    settings: Settings
    uv: Uv
    cache: Cache
    scratch: Path
    notice: Callable[[str], None]
    meanwhile: Meanwhile = idle

    def resolve(self, inputs: Inputs, *, locked: bool) -> Lock:
        """Return what is to be vendored.

        Args:
            inputs: Where it is written.
            locked: Refuse a stale lock instead of resolving anew.

        Raises:
            DependencyError: When there is no answer, or the lock is stale and must not be.
        """
        if locked and not inputs.locked:
            raise DependencyError(
                "there is no lock, and --locked asks for one",
                where=str(self.project.root),
                hint="Write one: hatch-aleph lock",
            )
        read = {
            "pylock.toml": self._from_pylock,
            "uv.lock": self._from_uv_lock,
            "requirements.txt": self._from_requirements,
            "pyproject.toml": self._from_project,
        }[inputs.kind]
        lock = read(inputs, locked)
        own = normalize(self.project.name)
        return Lock(tuple(each for each in lock.packages if each.name != own), lock.until)

    def lock_text(self, inputs: Inputs, *, upgrade: tuple[str, ...] | bool = False) -> str:
        """Resolve and return the text of a pylock.toml for the runtime.

        Args:
            inputs: What there is; versions of an existing lock are kept where they fit.
            upgrade: Names whose versions may change all the same, or True for all.
        """
        old = self._preferences(inputs)
        options = ["--upgrade"] if upgrade is True else [f"--upgrade-package={name}" for name in upgrade or ()]
        data = parse(without_user_parts(self._compile(old, options)))
        tables = [_without_times(each) for each in data.get("packages", [])]
        return pylock_text(tables, "hatch-aleph", {"for": made_for(self.uv.runtime), "wanted": inputs.wanted})

    def _from_pylock(self, inputs: Inputs, locked: bool) -> Lock:
        text = inputs.content.decode("utf-8", "replace")
        lock = self._read(text, inputs.file.parent, str(inputs.file), chosen=False)
        try:
            told = parse(text).get("tool", {}).get(TOOL, {}).get("wanted")
        except ValueError:
            told = None
        if told == inputs.wanted:
            return lock
        versions = {each.name: each.version for each in lock.packages}
        stale = is_stale(versions, self.project, self.settings, self.uv.runtime)
        if stale is None:
            return lock
        return self._stale(inputs, stale, locked)

    def _from_uv_lock(self, inputs: Inputs, locked: bool) -> Lock:
        arguments = [
            "export", "--format", "pylock.toml", "--no-emit-project", "--no-default-groups", "--no-header",
            "--no-editable", *self.uv.python,
            *(f"--extra={name}" for name in self.settings.extras),
            *(f"--group={name}" for name in self.settings.groups),
        ]  # fmt: skip
        outcome = self.uv.run([*arguments, "--locked"])
        if outcome.code == _STALE and "needs to be updated" in outcome.stderr:
            return self._stale(inputs, "the project's dependencies changed since", locked)
        if outcome.code:
            raise outcome.error(str(inputs.file))
        return self._read(outcome.stdout, self.project.root, str(inputs.file), chosen=False)

    def _from_requirements(self, inputs: Inputs, locked: bool) -> Lock:
        lines = requirements(inputs.content.decode("utf-8", "replace"))
        versions = {normalize(match[1]): match[2] for line in lines if (match := _PINNED.match(line))}
        stale = is_stale(versions, self.project, self.settings, self.uv.runtime)
        if stale is not None:
            return self._stale(inputs, stale, locked)
        text = self._wheels_first(["pip", "compile", str(inputs.file), "--no-deps"], str(inputs.file))
        lock = self._read(text, self.project.root, str(inputs.file))
        allowed = {
            normalize(re.split(r"[\[=<>~!;@\s]", line, maxsplit=1)[0]): set(
                re.findall(r"--hash=(\S+?:[0-9a-f]+)", line)
            )
            for line in lines
        }
        for each in lock.packages:
            if not {f"{name}:{value}" for name, value in each.hashes.items()} & allowed.get(each.name, set()):
                raise DependencyError(
                    f"hash mismatch: no file for this runtime has one of the hashes of {each.name} {each.version}",
                    where=str(inputs.file),
                    hint="Write the file again with the hashes of all wheels, or lock: hatch-aleph lock",
                )
        return lock

    def _from_project(self, inputs: Inputs, locked: bool) -> Lock:  # noqa: ARG002 - one signature for all kinds
        # Two projects that want the same get the same, unless uv's configuration may name paths beside them.
        key = key_of("resolution", inputs.digest, str(self.project.root) if inputs.configured else "")
        known = self.cache.load("resolutions", key)
        if not known or not (self.uv.offline or believed(known["time"])):
            known = self._ask(inputs)
            if not _any_local(self._read_own(known["text"])):
                self.cache.store("resolutions", key, {**known, "text": without_user_parts(known["text"])})
        return self._read_own(known["text"], known["time"])

    def _ask(self, inputs: Inputs) -> dict[str, Any]:
        """Resolve anew: with what uv has when that is recent enough, else with the index."""
        pages = Pages(self.cache, key_of(inputs.machine, str(self.project.root) if inputs.configured else ""))
        now = time.time()
        guess = None if self.uv.offline or self._local() else self._guess()
        if guess is None:
            text = self._compile(None, [])
        else:
            lock = self._read_own(guess.stdout)
            since = pages.since(each.name for each in lock.packages)
            if believed(since) and not _any_local(lock) and _straight(guess.stderr, lock):
                return {"time": since, "text": guess.stdout}
            asked = Aside(lambda: self._compile(None, []))
            self.meanwhile(lock, lambda: asked.done and asked.result() != guess.stdout)
            text = asked.result()
        pages.note((each.name for each in self._read_own(text).packages), now)
        return {"time": now, "text": text}

    def _guess(self) -> Outcome | None:
        """Resolve with what uv has, which takes no time; None when it has too little."""
        arguments, text = self._own_question()
        outcome = replace(self.uv, offline=True, verbose=True).run([*arguments, *self._wheels()], text=text)
        return outcome if outcome.code == 0 else None

    def _read_own(self, text: str, time_: float = 0) -> Lock:
        lock = self._read(text, self.project.root, str(self.project.root / "pyproject.toml"))
        return Lock(lock.packages, time_ + BELIEVED_SECONDS)

    def _stale(self, inputs: Inputs, why: str, locked: bool) -> Lock:
        hint = "Refresh it: " + ("uv lock" if inputs.kind == "uv.lock" else "hatch-aleph lock")
        if locked:
            raise DependencyError(f"the lock is stale: {why}", where=str(inputs.file), hint=hint)
        self.notice(f"{inputs.file.name} is stale ({why}); resolved anew for this build. {hint}")
        lock = self._read(self._compile(self._preferences(inputs), []), self.project.root, str(inputs.file))
        return Lock(lock.packages, 0)

    def _preferences(self, inputs: Inputs) -> Path | None:
        """Return a file with the versions of the lock there is, which uv keeps where it can."""
        text = ""
        if inputs.kind == "pylock.toml":
            text = inputs.content.decode("utf-8", "replace")
        elif inputs.kind == "uv.lock":
            text = self.uv.run(["export", "--format", "pylock.toml", "--frozen", *self.uv.python]).stdout
        if not text:
            return None
        file = self.scratch / "pylock.toml"
        file.write_text(text, "utf-8")
        return file

    def _compile(self, preferences: Path | None, options: list[str]) -> str:
        """Resolve the project's own dependencies."""
        arguments, text = self._own_question()
        if preferences is not None:
            arguments.append(f"--output-file={preferences}")
        printed = self._wheels_first([*arguments, *options], str(self.project.root / "pyproject.toml"), text)
        return preferences.read_text("utf-8") if preferences is not None else printed

    def _own_question(self) -> tuple[list[str], str | None]:
        """Return what uv is to resolve: arguments, and what it reads from its standard input."""
        dynamic = set(self.project.pyproject.get("project", {}).get("dynamic", ()))
        groups = [f"--group={name}" for name in self.settings.groups]
        if dynamic & {"dependencies", "optional-dependencies"}:
            # The metadata is known already; uv would ask the backend once more.
            wanted = [*self.project.dependencies]
            for extra in self.settings.extras:
                wanted += self.project.extras[extra]
            return ["pip", "compile", "-", *groups], "\n".join(wanted)
        extras = [f"--extra={name}" for name in self.settings.extras]
        return ["pip", "compile", "pyproject.toml", *extras, *groups], None

    def _wheels_first(self, arguments: list[str], where: str, text: str | None = None) -> str:
        """Resolve with wheels alone, and only if that fails with the sources that may be built."""
        arguments = [*arguments, *self._wheels()]
        outcome = self.uv.run(arguments, text=text)
        if outcome.code and self.settings.allow_source:
            outcome = self.uv.run(
                [*arguments, *(f"--no-binary={name}" for name in self.settings.allow_source)], text=text
            )
        if outcome.code:
            raise outcome.error(where)
        return outcome.stdout

    def _wheels(self) -> list[str]:
        """Return the options that say: a lock for the runtime, of wheels and of what can only be built."""
        return [
            "--format=pylock.toml", "--no-header", *self.uv.python, *self.uv.target,
            "--only-binary=:all:", *(f"--no-binary={name}" for name in self._local()),
        ]  # fmt: skip

    def _local(self) -> list[str]:
        """Return what the project takes from folders and repositories: it can only be built."""
        from packaging.requirements import Requirement

        sources: dict[str, Any] = self.project.pyproject.get("tool", {}).get("uv", {}).get("sources", {})
        wanted = map(Requirement, direct(self.project, self.settings))
        local = [each.name for each in wanted if each.url and not each.url.endswith(".whl")]
        for name, source in sources.items():
            options = source if isinstance(source, list) else [source]
            if any({"path", "git", "workspace"} & set(each) for each in options):
                local.append(name)
        return local

    def _read(self, text: str, base: Path, where: str, *, chosen: bool = True) -> Lock:
        return read_lock(text, self.uv.runtime, base=base, where=where, chosen=chosen)


def _any_local(lock: Lock) -> bool:
    """Tell whether something comes from a folder or a repository: it can change its requirements at any time."""
    return any(each.local for each in lock.packages)


def _straight(log: str, lock: Lock) -> bool:
    """Tell from what uv says whether it came to a lock without ever choosing another version.

    Offline it passes over what it would have to fetch, without a word: an older version then takes its place.
    """
    chosen = {(normalize(name), version) for name, version in _SELECTED.findall(log)}
    return chosen == {(each.name, each.version) for each in lock.packages}


def _without_times(table: dict[str, Any]) -> dict[str, Any]:
    """Drop the upload times: they are of no use to an installer, and not JSON."""
    kept = dict(table)
    for name, value in table.items():
        if isinstance(value, dict):
            kept[name] = {key: each for key, each in value.items() if key != "upload-time"}
        elif name == "wheels":
            kept[name] = [{key: each for key, each in file.items() if key != "upload-time"} for file in value]
    return kept
