"""Each distribution as a ready segment: taken from the cache, or installed, checked, compiled and packed."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hatch_aleph.build.aside import Aside
from hatch_aleph.build.bytecode import bytecode_path, collect, sources_of, submit
from hatch_aleph.build.cache import Cache, key_of, touch
from hatch_aleph.errors import DependencyError, HatchAlephError, ImageError
from hatch_aleph.settings import PACKAGES_MOUNT
from hatch_aleph.squashfs import Segment, SquashfsError, write_segment
from hatch_aleph.squashfs.codec import library_version
from hatch_aleph.squashfs.pool import processors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hatch_aleph.build.compiler import Compiler
    from hatch_aleph.build.packages.lock import Lock, Locked
    from hatch_aleph.build.packages.tree import Tree
    from hatch_aleph.build.packages.uvtool import Uv
    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings
    from hatch_aleph.squashfs import Entry, Options

FORMAT = 3  # raised whenever the same wheel gives another segment or other facts


@dataclass(frozen=True)
class Facts:
    """What was found out about a distribution while it was packed.

    Attributes:
        version: As its metadata says.
        licence: "" when its metadata says nothing.
        licence_expression: Whether that is an SPDX expression.
        modules: Top-level modules.
        needed: Libraries wanted from elsewhere, each with one file that wants it.
        provided: Libraries that it brings.
        warnings: What may fail in the guest.
        segment: SHA-256 of the packed bytes.
    """

    version: str
    licence: str
    licence_expression: bool
    modules: list[str]
    needed: dict[str, str]
    provided: list[str]
    warnings: list[str]
    segment: str


@dataclass(frozen=True)
class Vendored:
    """A distribution, ready for any image.

    Attributes:
        name: Normalised.
        digest: Stands for its content: of its wheel, or of its files when it was built here.
        facts: About it.
        segment: Its packed files.
    """

    name: str
    digest: str
    facts: Facts
    segment: Segment

    @property
    def sha256(self) -> str:
        """Hash of its wheel, "" when there is none."""
        return self.digest.removeprefix("sha256:") if self.digest.startswith("sha256:") else ""


@dataclass(frozen=True)
class Vendor:
    """Makes distributions ready.

    Attributes:
        settings: What is left out, and whether there is bytecode.
        runtime: Where they will run.
        interpreter: Compiles; None for no bytecode.
        options: Codec, level and block size of the image.
        cache: Has what earlier builds made.
        store: Keeps what this build makes: the cache, or a folder of this build when that cannot be written.
        uv: Installs.
        scratch: An empty folder.
        progress: Told how many more distributions are ready, and of how many.
        ready: What is ready, by name and digest.
    """

    settings: Settings
    runtime: Runtime
    interpreter: Interpreter | None
    options: Options
    cache: Cache
    store: Cache
    uv: Uv
    scratch: Path
    progress: Callable[[int, int], None]
    ready: dict[tuple[str, str], Vendored] = field(default_factory=dict)

    def vendor(self, lock: Lock) -> list[Vendored]:
        """Return all distributions of a lock, sorted by name.

        Raises:
            DependencyError: When one cannot be had, or cannot work in the guest.
            ImageError: When a segment cannot be written.
        """
        self._make_ready(lock, lambda: False)
        return [self.ready[each.name, each.digest] for each in lock.packages]

    def prepare(self, guess: Lock, wrong: Callable[[], bool]) -> None:
        """Make ready what will probably be asked for, as far as no index is needed, until the guess proves wrong."""
        early = replace(self, uv=replace(self.uv, offline=True), scratch=self.scratch.with_name("guess"))
        with suppress(HatchAlephError):  # whatever is wrong will be told of what is really asked for
            Vendor._make_ready(early, guess, wrong)

    def _make_ready(self, lock: Lock, wrong: Callable[[], bool]) -> None:
        wanted = [each for each in lock.packages if (each.name, each.digest) not in self.ready]
        if not wanted:
            return
        found = self._known_of(wanted)
        self.ready.update(found)
        self.progress(len(found), len(lock.packages))
        missing = [each for each in wanted if (each.name, each.digest) not in found]
        if missing:
            self._make(missing, len(lock.packages), wrong)

    def _known_of(self, wanted: Sequence[Locked]) -> dict[tuple[str, str], Vendored]:
        """Return what the cache has, with all processors: verifying is mostly hashing."""
        found: dict[tuple[str, str], Vendored] = {}
        pending = iter(wanted)

        def take() -> None:
            for each in pending:
                known = self._known(each.name, each.digest)
                if known:
                    found[each.name, each.digest] = known

        others = [Aside(take) for _ in range(min(processors(), len(wanted)) - 1)]
        take()
        for each in others:
            each.result()
        return found

    def _key(self, digest: str, *, selected: bool) -> str:
        """Name a segment; ``selected`` when something of the distribution is left out."""
        version = self.interpreter.version if self.interpreter else ""
        return key_of(
            FORMAT, digest, self.options.look, library_version(self.options.codec), version,
            self.runtime.python, self.runtime.platform,
            [self.settings.exclude, self.settings.prune] if selected else [],
        )  # fmt: skip

    def _known(self, name: str, digest: str) -> Vendored | None:
        """Return a distribution from the cache if all of it is there and undamaged."""
        if not digest:
            return None
        whole = self._load(name, digest, self._key(digest, selected=False))
        if not (self.settings.exclude or self.settings.prune):
            return whole
        if whole and not any(self._left_out(node.path) for node in whole.segment.contents.nodes):
            return whole
        return self._load(name, digest, self._key(digest, selected=True))

    def _left_out(self, path: str) -> bool:
        from hatch_aleph.build.packages.selection import RULES, excluded

        return excluded(path, self.settings.exclude) or any(RULES[name](path) for name in self.settings.prune)

    def _load(self, name: str, digest: str, key: str) -> Vendored | None:
        stored = self.cache.load("wheels", key)
        file = self.cache.file("wheels", key, ".segment")
        if stored is None:
            return None
        try:
            facts, segment = Facts(**stored), Segment.load(file)
        except (TypeError, SquashfsError):
            return None
        if segment.sha256 != facts.segment:
            return None
        touch(file)
        touch(self.cache.file("wheels", key))
        return Vendored(name, digest, facts, segment)

    def _make(self, missing: Sequence[Locked], count: int, wrong: Callable[[], bool]) -> None:
        from hatch_aleph.build.packages.install import install
        from hatch_aleph.build.packages.selection import select

        trees = install(missing, self.scratch, self.uv)
        work: list[tuple[Locked, Tree, list[Entry]]] = []
        for each in missing:
            tree = trees[each.name]
            work.append((each, tree, select(tree.entries, self.settings.exclude, self.settings.prune)))
        # The largest first, so that at the end nobody waits for a single large one.
        work.sort(key=lambda item: (-len(item[2]), item[0].name))
        fatal: list[str] = []
        with ExitStack() as stack:
            compiler = self._compiler(stack)
            sources = [self._sources(entries) for _, _, entries in work] if compiler else []
            batches = [submit(compiler, each, PACKAGES_MOUNT) for each in sources] if compiler else []
            facts = [self._facts(locked, tree, fatal) for locked, tree, _ in work]  # meanwhile it compiles
            if fatal:  # before anything is kept as sound
                raise DependencyError(
                    "cannot work on the runtime:\n" + "\n".join(f"  {each}" for each in sorted(fatal)),
                    where=f"{self.runtime.name} (CPython {self.runtime.python}, {self.runtime.platform})",
                )
            for number, (locked, tree, entries) in enumerate(work):
                if wrong():
                    return
                bytecode = collect(sources[number], batches[number], self.runtime) if compiler else []
                self.ready[locked.name, locked.digest] = self._pack(locked, tree, entries, bytecode, facts[number])
                if compiler:
                    batches[number].results.clear()
                self.progress(1, count)

    def _sources(self, entries: list[Entry]) -> list[Entry]:
        """Return the sources whose bytecode is wanted."""
        from hatch_aleph.build.packages.selection import excluded

        exclude = self.settings.exclude
        return [each for each in sources_of(entries) if not excluded(bytecode_path(each.path, self.runtime), exclude)]

    def _compiler(self, stack: ExitStack) -> Compiler | None:
        if self.interpreter is None:
            return None
        from hatch_aleph.build.compiler import Compiler

        return stack.enter_context(Compiler(self.interpreter))

    def _facts(self, locked: Locked, tree: Tree, fatal: list[str]) -> dict[str, Any]:
        from hatch_aleph.build.packages.bom import licence_of
        from hatch_aleph.build.packages.checks import check, missing_libraries

        version = str(tree.metadata["Version"])
        findings = check(tree, self.runtime, f"{locked.name} {version}")
        fatal += findings.fatal
        return {
            "version": version,
            "licence": licence_of(tree.metadata),
            "licence_expression": bool(tree.metadata["License-Expression"]),
            "modules": findings.modules,
            "needed": missing_libraries(findings.needed, findings.provided),
            "provided": findings.provided,
            "warnings": findings.warnings,
        }

    def _pack(
        self, locked: Locked, tree: Tree, entries: list[Entry], bytecode: list[Entry], facts: dict[str, Any]
    ) -> Vendored:
        digest = locked.digest or tree.digest
        whole = [path for each in tree.entries for path in (each.path, bytecode_path(each.path, self.runtime))]
        selected = any(self._left_out(path) for path in whole)
        key = self._key(digest, selected=selected)
        file = self.store.file("wheels", key, ".segment")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            # What an import reads lies together: it need not unpack the sources that lie between.
            first = sorted(each.path for each in bytecode)
            segment = write_segment([*entries, *bytecode], file, self.options, first=first)
        except (SquashfsError, OSError) as error:
            raise ImageError(
                str(error), where=str(file), hint="Make room, or move the cache: HATCH_ALEPH_CACHE"
            ) from error
        known = Facts(**facts, segment=segment.sha256)
        self.store.store("wheels", key, asdict(known))
        return Vendored(locked.name, digest, known, segment)
