"""Each distribution as a ready segment: taken from the cache, or installed, checked, compiled and packed."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hatch_aleph.build.bytecode import bytecode_path, collect, sources_of, submit
from hatch_aleph.errors import DependencyError, HatchAlephError
from hatch_aleph.settings import PACKAGES_MOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hatch_aleph.build.compiler import Compiler
    from hatch_aleph.build.packages.lock import Lock, Locked
    from hatch_aleph.build.packages.shelf import Shelf, Vendored
    from hatch_aleph.build.packages.tree import Tree
    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings
    from hatch_aleph.squashfs import Entry
    from hatch_aleph.uv import Uv


@dataclass(frozen=True)
class Vendor:
    """Makes distributions ready.

    Attributes:
        settings: What is left out, and whether there is bytecode.
        runtime: Where they will run.
        interpreter: Compiles; None for no bytecode.
        shelf: Has what earlier builds made, and keeps what this one makes.
        uv: Installs.
        scratch: An empty folder.
        progress: Told how many more distributions are ready, and of how many.
        ready: What is ready, by name and digest.
    """

    settings: Settings
    runtime: Runtime
    interpreter: Interpreter | None
    shelf: Shelf
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
        found = self.shelf.known_of(wanted)
        self.ready.update(found)
        self.progress(len(found), len(lock.packages))
        missing = [each for each in wanted if (each.name, each.digest) not in found]
        if missing:
            self._make(missing, len(lock.packages), wrong)

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
                self.ready[locked.name, locked.digest] = self.shelf.pack(locked, tree, entries, bytecode, facts[number])
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
