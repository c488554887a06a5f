"""Each distribution of a lock as a ready segment: taken from the cache, or installed, checked, compiled and packed."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.build.bytecode import bytecode_path, collect, sources_of, submit
from hatch_aleph.build.links import refuse_links_out
from hatch_aleph.errors import DependencyError, HatchAlephError
from hatch_aleph.secrets import check_entries
from hatch_aleph.settings import PACKAGES_MOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from hatch_aleph.build.compiler import Batch, Compiler
    from hatch_aleph.build.packages.distribution import InstalledWheel
    from hatch_aleph.build.packages.pylock import Lock, Locked
    from hatch_aleph.build.packages.recipe import Recipe
    from hatch_aleph.build.packages.wheel_cache import PackedWheel, WheelCache
    from hatch_aleph.observer import Observer
    from hatch_aleph.squashfs import Entry
    from hatch_aleph.uv import Uv

_COMMIT = 7  # as many digits of a commit name a checkout at least


class _ChangedFilesError(DependencyError):
    """Files are not as the RECORD of their wheel says; carries the names of the distributions."""

    def __init__(self, message: str, *, hint: str, names: tuple[str, ...]) -> None:
        super().__init__(message, hint=hint)
        self.names = names


class _Progress:
    """How much is compiled and packed, in files: of distributions one alone may be most of the work."""

    def __init__(self, observer: Observer, batches: Sequence[Batch], files: Sequence[int]) -> None:
        self._observer = observer
        self._batches = batches
        self._files = files
        self._packed = 0
        for each in batches:
            each.on_piece = self.tell

    def tell(self) -> None:
        """Tell how much is done; called by every thread that compiles."""
        compiled = sum(len(each.sources) * len(each.done) / (len(each.jobs) or 1) for each in self._batches)
        total = sum(len(each.sources) for each in self._batches) + sum(self._files)
        self._observer.progress("pack", round(compiled) + self._packed, total)

    def packed(self, number: int) -> None:
        """Note that a distribution is packed."""
        self._packed += self._files[number]
        self.tell()


@dataclass(frozen=True)
class WheelPacker:
    """Makes distributions ready.

    Attributes:
        recipe: How.
        cache: Has what earlier builds made, and keeps what this one makes.
        uv: Installs.
        scratch: An empty folder.
        observer: Receives how many distributions are ready, and of how many.
        ready: What is ready, by name and digest.
    """

    recipe: Recipe
    cache: WheelCache
    uv: Uv
    scratch: Path
    observer: Observer
    ready: dict[tuple[str, str], PackedWheel] = field(default_factory=dict)

    def pack(self, lock: Lock) -> list[PackedWheel]:
        """Return all distributions of a lock, sorted by name.

        Raises:
            DependencyError: When one cannot be had, is not what its RECORD says, or cannot work in the guest.
            ImageError: When a segment cannot be written.
        """
        self._make_ready(lock, lambda: False)
        return [self.ready[each.name, each.digest] for each in lock.packages]

    def prepare(self, guess: Lock, cancelled: Callable[[], bool]) -> None:
        """Make ready what will probably be asked for, as far as no index is needed, until the guess proves wrong."""
        early = replace(self, uv=replace(self.uv, offline=True), scratch=self.scratch.with_name("guess"))
        with suppress(HatchAlephError):  # an error counts only in what is really asked for
            early._make_ready(guess, cancelled)  # noqa: SLF001 - of this class

    def forget(self, packages: Iterable[Locked]) -> None:
        """Make these anew, whatever was made of them."""
        for each in packages:
            self.ready.pop((each.name, each.digest), None)
            self.cache.forget(each)

    def _make_ready(self, lock: Lock, cancelled: Callable[[], bool]) -> None:
        wanted = [each for each in lock.packages if (each.name, each.digest) not in self.ready]
        if not wanted:
            return
        found = self.cache.known(wanted)
        self.ready.update(found)
        missing = [each for each in wanted if (each.name, each.digest) not in found]
        if not missing:
            return
        try:
            self._make(missing, cancelled)
        except _ChangedFilesError as error:
            if self.uv.offline:
                raise
            # uv's cache may be what was changed: its files are hard links of those in environments.
            again = replace(self, scratch=self.scratch.with_name("again"))
            again._make(missing, cancelled, error.names)

    def _checkouts(self, locked: Locked) -> list[tuple[Path, Path]]:
        """Return where uv has checked a repository's commit out to build it; links there lead out as in any folder."""
        if locked.kind != "vcs":
            return []
        commit, cache = str(locked.file["commit-id"]), self.uv.run(["cache", "dir"], quiet=False).stdout.strip()
        found = Path(cache).glob("git-v*/checkouts/*/*")
        return [(each, each) for each in found if len(each.name) >= _COMMIT and commit.startswith(each.name)]

    def _make(self, missing: Sequence[Locked], cancelled: Callable[[], bool], afresh: Collection[str] = ()) -> None:
        from hatch_aleph.build.compile_worker import WITH_WRITTEN
        from hatch_aleph.build.packages.exclusion import select
        from hatch_aleph.build.packages.install import install

        settings, runtime = self.recipe.settings, self.recipe.runtime
        wheels = install(missing, self.scratch, self.uv, self.observer, afresh=afresh)
        self.observer.step("pack")
        work = [
            (each, wheels[each.name], select(wheels[each.name].entries, settings.exclude, settings.prune))
            for each in missing
        ]
        for locked, _, entries in work:
            if locked.local:  # what an index gives is public already
                where = f"dependency {locked.name}"
                check_entries(entries, settings.secrets.allow, where=where, error=DependencyError)
            root = self.uv.root or Path()
            for folder, within in [(root / locked.folder, root)] if locked.folder else self._checkouts(locked):
                refuse_links_out(folder, entries, settings.allow_links, within=within, error=DependencyError)
        # The largest first, so that at the end nobody waits for a single large one.
        work.sort(key=lambda item: (-len(item[2]), item[0].name))
        with ExitStack() as stack:
            compiler = self._compiler(stack)
            sources = [self._sources(entries) for _, _, entries in work] if compiler else []
            level = (2 if settings.optimize else 0) | (WITH_WRITTEN if self.recipe.packed else 0)
            batches = [submit(compiler, each, PACKAGES_MOUNT, lambda _: level) for each in sources] if compiler else []
            progress = _Progress(self.observer, batches, [len(entries) for _, _, entries in work])
            facts = self._facts(work)  # while it compiles; an error comes before anything is kept as sound
            for number, (locked, wheel, entries) in enumerate(work):
                if cancelled():
                    return
                bytecode = collect(sources[number], batches[number], runtime) if compiler else []
                self.ready[locked.name, locked.digest] = self.cache.pack(
                    locked, wheel, entries, bytecode, facts[number]
                )
                if compiler:
                    batches[number].results.clear()
                progress.packed(number)

    def _sources(self, entries: list[Entry]) -> list[Entry]:
        """Return the sources whose bytecode is wanted."""
        from hatch_aleph.build.packages.exclusion import excluded

        exclude, runtime = self.recipe.settings.exclude, self.recipe.runtime
        return [each for each in sources_of(entries) if not excluded(bytecode_path(each.path, runtime), exclude)]

    def _compiler(self, stack: ExitStack) -> Compiler | None:
        if self.recipe.interpreter is None:
            return None
        from hatch_aleph.build.compiler import Compiler

        return stack.enter_context(Compiler(self.recipe.interpreter))

    def _facts(self, work: Iterable[tuple[Locked, InstalledWheel, Sequence[Entry]]]) -> list[dict[str, Any]]:
        """Return what is known of each wheel but how it is packed."""
        from hatch_aleph.build.packages.bom import licence_of
        from hatch_aleph.build.packages.checks import check, missing_libraries, required

        facts, fatal = [], []
        changed: dict[str, list[str]] = {}
        runtime = self.recipe.runtime
        for locked, wheel, entries in work:
            version = str(wheel.metadata["Version"])
            who = f"{locked.name} {version}"
            differing = wheel.differing()
            if differing:
                changed[locked.name] = [f"{who}: {path}" for path in differing]
            findings = check(wheel, entries, runtime, who)
            fatal += findings.fatal
            facts.append({
                "version": version,
                "licence": licence_of(wheel.metadata),
                "licence_expression": bool(wheel.metadata["License-Expression"]),
                "modules": findings.modules,
                "needed": missing_libraries(findings.needed, findings.provided),
                "provided": findings.provided,
                "requires": required(wheel.metadata, runtime),
                "warnings": findings.warnings,
            })  # fmt: skip
        if changed:
            lines = sorted(line for each in changed.values() for line in each)
            raise _ChangedFilesError(
                "Files that are not as the RECORD of their wheel says:\n" + "\n".join(f"  {each}" for each in lines),
                hint="uv's cache of it is damaged, or the wheel is: build once without --offline, which tells."
                if self.uv.offline
                else "The wheel is broken: choose another version.",
                names=tuple(changed),
            )
        if fatal:
            raise DependencyError(
                "Cannot work on the runtime:\n" + "\n".join(f"  {each}" for each in sorted(fatal)),
                where=f"{runtime.name} (CPython {runtime.python}, {runtime.platform})",
            )
        return facts
