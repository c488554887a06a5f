"""From inputs to a lock for the runtime: reads the lock there is, or lets uv resolve."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from hatch_aleph.build.cache import key_of
from hatch_aleph.build.packages.inputs import is_stale
from hatch_aleph.build.packages.other_locks import Pins, read_pins, read_requirements
from hatch_aleph.build.packages.pages import BELIEVED_SECONDS, Pages, believed
from hatch_aleph.build.packages.pylock import SOURCES, TOOL, Lock, parse, pylock_text
from hatch_aleph.build.packages.pylock_reader import read_lock
from hatch_aleph.commands import typed
from hatch_aleph.errors import DependencyError
from hatch_aleph.shapes import NUMBER, TEXT
from hatch_aleph.squashfs.pool import in_background
from hatch_aleph.text import normalize, without_user_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from hatch_aleph.build.cache import Cache
    from hatch_aleph.build.packages.inputs import Inputs
    from hatch_aleph.build.packages.solver import Solver

_SELECTED = re.compile(r"^DEBUG Selecting: ([\w.-]+)(?:\[.*?\])?==(\S+) ", re.MULTILINE)
_STALE = 1  # how `uv export --locked` ends for a lock that does not fit; 2 for everything else


class Background(Protocol):
    """Prepares what the index will probably answer."""

    def __call__(self, guess: Lock, cancelled: Callable[[], bool], /) -> None:
        """Work, and stop early once ``cancelled`` says that the index answered something else."""


def idle(_guess: Lock, _cancelled: Callable[[], bool]) -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Resolver:
    """All that resolving depends on.

    Attributes:
        solver: Asks uv.
        cache: Remembers resolutions for ten minutes.
        scratch: A folder for intermediate files.
        notice: Called with what the user should know.
        background: Called while an index is asked.
    """

    solver: Solver
    cache: Cache
    scratch: Path
    notice: Callable[[str], None]
    background: Background = field(default=idle)

    def resolve(self, inputs: Inputs, *, locked: bool) -> Lock:
        """Return what is to be vendored.

        Args:
            inputs: Where it is written.
            locked: Refuse a stale lock instead of resolving again.

        Raises:
            DependencyError: When there is no answer, the lock is stale and must not be, or it names sources that the
                project does not allow.
        """
        if locked and not inputs.locked:
            raise DependencyError(
                "There is no lock, and --locked asks for one.",
                where=str(self.solver.project.root),
                hint=f"Write one: {typed('lock')}",
            )
        if inputs.locked:
            lock, stale = self._from_lock(inputs)
            if stale is not None:
                lock = self._without_lock(inputs, stale, locked=locked)
            lock = self._with_addresses(self._without_the_project(lock), inputs)
            self._refuse_sources(lock, inputs)
            return lock
        lock = self._without_the_project(self._from_project(inputs))
        if inputs.stand_in:  # whose --no-binary uv follows
            self._refuse_sources(lock, inputs)
        return lock

    def _without_the_project(self, lock: Lock) -> Lock:
        """Leave out the project itself, which locks may name as a folder: its place is the code image."""
        own = normalize(self.solver.project.name)
        return Lock(tuple(each for each in lock.packages if each.name != own), lock.until)

    def _from_lock(self, inputs: Inputs) -> tuple[Lock, str | DependencyError | None]:
        """Read a lock; with it the reason if it does not fit the project, the error if the runtime cannot."""
        if inputs.kind == "pylock.toml":
            return self._from_pylock(inputs)
        if inputs.kind == "uv.lock":
            return self._from_uv_lock(inputs)
        if inputs.kind in ("poetry.lock", "pdm.lock"):
            return self._from_constraints(inputs)
        pins = self._pins(inputs)
        text = self.solver.pinned(pins.lines or inputs.file, str(inputs.file))
        lock = self._read(text, inputs, allowed=pins.hashes)
        return lock, self._stale(lock)

    def _from_pylock(self, inputs: Inputs) -> tuple[Lock, str | None]:
        text = inputs.file.read_text("utf-8", "replace")
        lock = self._read(text, inputs, chosen=False)
        wanted = parse(text).get("tool", {}).get(TOOL, {}).get("wanted")
        if wanted == inputs.wanted:
            return lock, None
        stale = self._stale(lock)
        if wanted and stale is None:
            stale = "the project's requirements, extras, groups, runtime or configuration of uv changed since"
        return lock, stale

    def _from_uv_lock(self, inputs: Inputs) -> tuple[Lock, str | None]:
        outcome = self.solver.export(inputs.file, "--locked")
        if outcome.code == _STALE and "needs to be updated" in outcome.stderr:
            return Lock(()), "the project's dependencies changed since"
        if outcome.code:
            raise outcome.error(str(inputs.file))
        return self._read(outcome.stdout, inputs, chosen=False), None

    def _from_constraints(self, inputs: Inputs) -> tuple[Lock, str | DependencyError | None]:
        """Resolve the project's dependencies with the versions of a lock that does not say who wants what."""
        pins = self._pins(inputs)
        file = self.scratch / "constraints.txt"
        file.write_text("".join(f"{name}=={version}\n" for name, version in pins.single_versions.items()), "utf-8")
        try:
            text = self.solver.compile(inputs, [f"--constraints={file}"])
        except DependencyError as error:
            from hatch_aleph.build.packages.alternatives import unusable

            if unusable(error.message, ()):
                return Lock(()), error
            return Lock(()), f"its versions do not meet the project's requirements: {_cause(error)}"
        lock = self._read(text, inputs, allowed=pins.hashes)
        strange = [f"{each.name} {each.version}" for each in lock.packages
                   if not each.local and each.version not in pins.versions.get(each.name, ())]  # fmt: skip
        return lock, f"{', '.join(strange)} is not in it" if strange else None

    def _from_project(self, inputs: Inputs) -> Lock:
        # Two projects that want the same get the same, unless uv's configuration may name paths beside them.
        place = str(self.solver.project.root) if inputs.configured or inputs.stand_in else ""
        key = key_of("resolution", inputs.digest, place)
        known = self.cache.load("resolutions", key, {"time": NUMBER, "text": TEXT})
        if not known or not (self.solver.uv.offline or believed(known["time"])):
            known = self._ask(inputs, place)
            if not self._read(known["text"], inputs).local:
                self.cache.store("resolutions", key, {**known, "text": without_user_parts(known["text"])})
        hashes = read_requirements(inputs.file).pins.hashes if inputs.kind == "requirements" else None
        return self._read(known["text"], inputs, until=known["time"] + BELIEVED_SECONDS, allowed=hashes)

    def _ask(self, inputs: Inputs, place: str) -> dict[str, Any]:
        """Resolve: with what uv has when that is recent enough, else with the index."""
        pages = Pages(self.cache, key_of(inputs.machine, place))
        now = time.time()
        guess = None if self.solver.uv.offline or self.solver.built() else self.solver.guess(inputs)
        if guess is None:
            text = self.solver.compile(inputs)
        else:
            lock = self._read(guess.stdout, inputs)
            since = pages.since(each.name for each in lock.packages)
            if believed(since) and not lock.local and _resolved_without_fallback(guess.stderr, lock):
                return {"time": since, "text": guess.stdout}
            asked = in_background(lambda: self.solver.compile(inputs))
            self.background(lock, lambda: asked.done and asked.result() != guess.stdout)
            text = asked.result()
        pages.note((each.name for each in self._read(text, inputs).packages), now)
        return {"time": now, "text": text}

    @staticmethod
    def _pins(inputs: Inputs, *, refuse: bool = True) -> Pins:
        hashed = inputs.kind == "hashed requirements"
        return read_requirements(inputs.file).pins if hashed else read_pins(inputs.file, refuse=refuse)

    def _stale(self, lock: Lock) -> str | None:
        versions = {each.name: each.version for each in lock.packages}
        return is_stale(versions, self.solver.project, self.solver.settings, self.solver.uv.runtime)

    def _without_lock(self, inputs: Inputs, why: str | DependencyError, *, locked: bool) -> Lock:
        """Resolve for this build alone, with the versions of the lock that fit."""
        name = inputs.file.name
        command = {"uv.lock": "`uv lock`", "poetry.lock": "`poetry lock`", "pdm.lock": "`pdm lock`",
                   "Pipfile.lock": "`pipenv lock`"}.get(inputs.kind, typed("lock"))  # fmt: skip
        if isinstance(why, DependencyError):  # locking again would give the same
            error, told = why, f"{name} has versions that the runtime cannot have ({_cause(why)})"
            advice = "Let it have versions with wheels, or name them in tool.aleph.allow-source"
        else:
            advice = f"Refresh it: {command}"
            error = DependencyError(f"The lock is out of date: {why}.", where=str(inputs.file), hint=advice)
            told = f"{name} is out of date ({why})"
        if locked:
            raise error
        self.notice(f"{told}; resolved for this build alone. {advice}")
        return Lock(self._read(self.with_preferences(inputs, []), inputs, base=self.scratch).packages, 0)

    def with_preferences(self, inputs: Inputs, options: list[str]) -> str:
        """Resolve with the versions of the lock there is, which uv keeps where it can; paths start from ``scratch``."""
        versions: dict[str, str] = {}
        if inputs.kind == "pylock.toml":
            text = inputs.file.read_text("utf-8", "replace")
        elif inputs.kind == "uv.lock":
            text = self.solver.export(inputs.file, "--frozen").stdout
        else:
            versions = self._pins(inputs, refuse=False).single_versions if inputs.locked else {}
            text = pylock_text({"name": name, "version": version} for name, version in versions.items())
        file = self.scratch / "pylock.toml"
        file.write_text(text, "utf-8")
        self.solver.compile(inputs, [f"--output-file={file}", *options])
        found = file.read_text("utf-8")
        if inputs.kind not in ("pylock.toml", "uv.lock"):
            self._tell_changes(inputs, versions, found)
        return found

    def _tell_changes(self, inputs: Inputs, versions: Mapping[str, str], found: str) -> None:
        """Tell which versions of another tool's lock were not kept, for the requirements or for want of a wheel."""
        others = ((each["name"], each.get("version", ""), versions.get(each["name"], ""))
                  for each in parse(found).get("packages", []))  # fmt: skip
        changes = [f"{name} {new} in place of {old}" for name, new, old in others if new and old and new != old]
        if changes:
            self.notice(f"Not as {inputs.file.name} has it (other requirements, or no wheel): {', '.join(changes)}")

    def _with_addresses(self, lock: Lock, inputs: Inputs) -> Lock:
        """Find the files that a lock names by hash alone on the indexes that are configured here."""
        lost = {each.name: each for each in lock.packages if each.wheel and not {"url", "path"} & each.file.keys()}
        if not lost:
            return lock
        text = self.solver.pinned((f"{each.name}=={each.version}" for each in lost.values()), str(inputs.file))
        hashes = {each.name: {each.digest} for each in lost.values()}
        found = {each.name: each for each in self._read(text, inputs, allowed=hashes).packages}
        return Lock(tuple(found.get(each.name, each) for each in lock.packages), lock.until)

    def _refuse_sources(self, lock: Lock, inputs: Inputs) -> None:
        """Refuse what a lock would have built, unless the settings allow it or the project itself names the place."""
        allowed = {normalize(each) for each in self.solver.settings.allow_source}
        built = self.solver.built() if any(each.kind in SOURCES for each in lock.packages) else set()
        refused = [
            each.name for each in lock.packages
            if not each.wheel and each.name not in allowed
            and not (each.kind != "sdist" and (not inputs.locked or each.name in built))
        ]  # fmt: skip
        if refused:
            raise DependencyError(
                f"{'The lock' if inputs.locked else inputs.file.name} has {', '.join(refused)} built from source.",
                where=str(inputs.file),
                hint=f"Allow it: tool.aleph.allow-source = {refused}, or choose versions that have wheels.",
            )

    def _read(
        self,
        text: str,
        inputs: Inputs,
        *,
        chosen: bool = True,
        base: Path | None = None,
        until: float | None = None,
        allowed: Mapping[str, Collection[str]] | None = None,
    ) -> Lock:
        solver = self.solver
        folder = inputs.file.parent if inputs.kind == "pylock.toml" else solver.project.root
        lock = read_lock(
            text, solver.uv.runtime, base=base or folder, where=str(inputs.file), chosen=chosen,
            extras=solver.settings.extras, groups=solver.settings.groups, allowed=allowed,
        )  # fmt: skip
        return lock if until is None else Lock(lock.packages, until)


def _cause(error: DependencyError) -> str:
    """Return the last line of an error, where the reason stands, without a stop."""
    return error.message.splitlines()[-1].strip().removeprefix("cause: ").rstrip(".")


def _resolved_without_fallback(log: str, lock: Lock) -> bool:
    """Tell from uv's log whether it came to a lock without ever choosing another version.

    Offline it passes over what it would have to fetch, without a word: an older version then takes its place.
    """
    chosen = {(normalize(name), version) for name, version in _SELECTED.findall(log)}
    return chosen == {(each.name, each.version) for each in lock.packages}
