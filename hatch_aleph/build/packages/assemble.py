"""Resolves, makes every distribution ready, and puts the image together."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_aleph.artifact import Distribution, Image, hash_file, papers
from hatch_aleph.build.bytecode import bytecode_path
from hatch_aleph.build.cache import Cache, key_of
from hatch_aleph.build.packages import FORMAT, PackagesResult, Published
from hatch_aleph.build.packages.bom import bill_of_materials
from hatch_aleph.build.packages.checks import missing_libraries, shadows
from hatch_aleph.build.packages.resolve import Resolver, idle
from hatch_aleph.build.packages.shelf import Shelf
from hatch_aleph.build.packages.vendor import Vendor
from hatch_aleph.errors import ImageError
from hatch_aleph.files import atomic_path, write_atomic
from hatch_aleph.settings import PACKAGES_MOUNT
from hatch_aleph.squashfs import Entry, Options, Segment, SquashfsError, write_image
from hatch_aleph.squashfs.codec import library_version
from hatch_aleph.squashfs.contents import Contents
from hatch_aleph.uv import Uv

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hatch_aleph.build.packages.inputs import Inputs
    from hatch_aleph.build.packages.lock import Lock
    from hatch_aleph.build.packages.shelf import Vendored
    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.project import Project
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings

MIB = 1 << 20
# The nodes' defaults (aleph-im/pyaleph, src/aleph/config.py); each tells its own at /api/v0/storage/limits.json.
STORAGE_LIMIT = 100 * MIB
IPFS_LIMIT = 1024 * MIB
FOLDER = ".aleph"  # what the image says of itself


@dataclass(frozen=True)
class Assembly:
    """One build of a packages image; see :func:`hatch_aleph.build.packages.build_packages`."""

    project: Project
    settings: Settings
    runtime: Runtime
    interpreter: Interpreter | None
    destination: Path
    stem: str
    cache: Cache
    notice: Callable[[str], None]
    progress: Callable[[int, int], None]
    published: Published | None = None

    @property
    def options(self) -> Options:
        """How the image is compressed."""
        compression = self.settings.compression
        return Options(codec=compression.codec, level=compression.level)

    def build(self, inputs: Inputs, *, locked: bool, offline: bool) -> PackagesResult:
        """Build."""
        with ExitStack() as stack:
            scratch = stack.enter_context(self.cache.scratch())
            store = self.cache
            why = self.cache.writable()
            if why:
                self.notice(
                    f"Nothing is kept for the next build: the cache {self.cache.root} cannot be written ({why})."
                )
                store = Cache(scratch / "cache")
            python = self.interpreter.path if self.interpreter else None
            uv = Uv(self.project.root, self.runtime, python, offline=offline)
            shelf = Shelf(self.settings, self.runtime, self.interpreter, self.options, self.cache, store)
            vendor = Vendor(
                self.settings, self.runtime, self.interpreter, shelf, uv, scratch / "install", self.progress
            )
            # Whoever wants the published image instead has no use for segments.
            meanwhile = vendor.prepare if self.published is None else idle
            resolver = Resolver(self.project, self.settings, uv, self.cache, scratch, self.notice, meanwhile)
            lock = resolver.resolve(inputs, locked=locked)
            if not lock.packages:
                return PackagesResult(None, until=lock.until)
            reused = self._reuse(lock)
            if reused is not None:
                return reused
            vendored = vendor.vendor(lock)
            return self._finish(lock, vendored)

    def inputs_digest(self, lock: Lock, contents: Sequence[Sequence[str]]) -> str:
        """Return the digest of what decides the image; ``contents`` has name, version and digest of each."""
        return key_of(
            "packages", FORMAT, self.options.look, library_version(self.options.codec),
            self.runtime.python, self.runtime.platform, PACKAGES_MOUNT,
            self.interpreter.version if self.interpreter else "", self.settings.exclude, self.settings.prune,
            contents, lock.text,
        )  # fmt: skip

    def _reuse(self, lock: Lock) -> PackagesResult | None:
        """Take the image of the same inputs that is published already, when all inputs are known before the work."""
        if self.published is None or not all(each.digest and each.version for each in lock.packages):
            return None
        digest = self.inputs_digest(lock, [[each.name, each.version, each.digest] for each in lock.packages])
        final = self.destination / f"{self.stem}-packages.squashfs"
        try:
            self.destination.mkdir(parents=True, exist_ok=True)
            hashes = self.published(digest, final)
            if hashes is None:
                return None
            write_atomic(self.destination / papers(self.stem)[0], lock.text)
        except OSError as error:
            raise ImageError.unwritable(final, error) from error
        self.notice("The packages image is the one that is published already.")
        image = Image(
            role="packages", file=final.name, mount=PACKAGES_MOUNT, encoding="squashfs",
            sha256=hashes.sha256, cid=hashes.cid, size=hashes.size, inputs=digest,
        )  # fmt: skip
        distributions = tuple(Distribution(each.name, each.version, (each.digest,)) for each in lock.packages)
        return PackagesResult(image, distributions, (), lock.until)

    def _finish(self, lock: Lock, vendored: list[Vendored]) -> PackagesResult:
        warnings = [warning for each in vendored for warning in each.facts.warnings]
        segments = _without_doubles(vendored, self.runtime, warnings)
        digest = self.inputs_digest(lock, [[each.name, each.facts.version, each.digest] for each in vendored])
        bom = bill_of_materials(vendored)
        own = {"inputs": f"{digest}\n", "pylock.toml": lock.text, "bom.cdx.json": bom}
        entries = [Entry(f"{FOLDER}/{name}", "file", 0o644, text.encode()) for name, text in own.items()]
        final = self.destination / f"{self.stem}-packages.squashfs"
        try:
            with atomic_path(final) as made:
                write_image([*segments, *entries], made, self.options, sha256=False)
                hashes = hash_file(made)
                self._check_size(hashes.size, vendored, warnings)
                for name, text in zip(papers(self.stem), (lock.text, bom), strict=True):
                    write_atomic(self.destination / name, text)
        except (SquashfsError, OSError) as error:
            raise ImageError.unwritable(final, error) from error
        image = Image(
            role="packages", file=final.name, mount=PACKAGES_MOUNT, encoding="squashfs",
            sha256=hashes.sha256, cid=hashes.cid, size=hashes.size, inputs=digest,
        )  # fmt: skip
        warnings += self._cross_checks(vendored)
        distributions = tuple(
            Distribution(each.name, each.facts.version, (each.digest,) if ":" in each.digest else ())
            for each in vendored
        )
        until = 0 if any(each.local for each in lock.packages) else lock.until
        return PackagesResult(image, distributions, tuple(sorted(set(warnings))), until)

    def _cross_checks(self, vendored: Sequence[Vendored]) -> list[str]:
        """Return warnings that need all distributions together."""
        provided = {name for each in vendored for name in each.facts.provided}
        modules = {module: each.name for each in vendored for module in each.facts.modules}
        warnings = shadows(modules, self.runtime, adapter=self.settings.adapter)
        for each in vendored:
            missing = missing_libraries(each.facts.needed, provided)
            if missing:
                user, names = next(iter(missing.values())), ", ".join(missing)
                warnings.append(
                    f"{each.name} {each.facts.version}: {user} needs {names}, which the "
                    "image does not hold nor, as far as known, the runtime; look for a variant of it that brings its "
                    "libraries (-headless, -binary)"
                )
        return warnings

    def _check_size(self, size: int, vendored: Sequence[Vendored], warnings: list[str]) -> None:
        budget = self.settings.budget_mib
        heaviest = sorted(vendored, key=lambda each: -each.segment.contents.length)[:3]
        named = ", ".join(f"{each.name} {each.segment.contents.length / MIB:.1f} MiB" for each in heaviest)
        helps = (
            f'Heaviest: {named}. What helps: compression.level = 15, prune = ["tests", "typing"], exclude, '
            'or no bytecode for some: exclude = ["NAME/*.pyc"]. See it all: hatch-aleph inspect'
        )
        if budget is not None and size > budget * MIB:
            raise ImageError(
                f"{size / MIB:.1f} MiB, above tool.aleph.budget-mib = {budget}",
                where=f"{self.stem}-packages.squashfs",
                hint=helps,
            )
        for limit, what in ((IPFS_LIMIT, "1 GiB, more than nodes take on IPFS"), (STORAGE_LIMIT, "100 MiB")):
            if size > limit:
                consequence = "" if limit == IPFS_LIMIT else ": nodes' storage does not take it, so it goes to IPFS"
                warnings.append(f"The packages image has {size / MIB:.1f} MiB, above {what}{consequence}. {helps}")
                break


def _without_doubles(vendored: Sequence[Vendored], runtime: Runtime, warnings: list[str]) -> list[Segment]:
    """Return the segments with each path in one of them only: that of the first distribution by name.

    A source that goes takes its bytecode along: unchecked bytecode of another source would run in its place.
    """
    owners: dict[str, str] = {}
    segments = []
    for each in vendored:
        nodes = each.segment.contents.nodes
        doubles = {node.path for node in nodes if node.kind != "directory" and node.path in owners}
        warnings.extend(
            f"{owners[path]} and {each.name} both bring {path}; that of {owners[path]} is taken"
            for path in sorted(doubles)
            if "/__pycache__/" not in f"/{path}"
        )
        doubles |= {bytecode_path(path, runtime) for path in doubles if path.endswith(".py")}
        for node in nodes:
            owners.setdefault(node.path, each.name)
        kept = [node for node in nodes if node.path not in doubles]
        old = each.segment
        contents = Contents(kept, old.contents.fragments, old.contents.length)
        segments.append(Segment(old.file, old.look, contents, old.sha256))
    return segments
