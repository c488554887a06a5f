"""Puts the packages image together: resolves, makes every distribution ready, writes what the image says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from shutil import rmtree
from typing import TYPE_CHECKING

from hatch_aleph.artifact import Distribution, Image, hash_file, lock_and_sbom_names
from hatch_aleph.build.cache import key_of
from hatch_aleph.build.code_image import time_of
from hatch_aleph.build.packages.bom import bill_of_materials
from hatch_aleph.build.packages.checks import missing_libraries, shadows
from hatch_aleph.build.packages.module_pack import index_of
from hatch_aleph.build.packages.overlaps import without_overlaps
from hatch_aleph.build.packages.resolve import Resolver, idle
from hatch_aleph.build.packages.result import PackagesResult
from hatch_aleph.build.packages.solver import Solver
from hatch_aleph.build.packages.wheel_cache import WheelCache
from hatch_aleph.build.packages.wheels import WheelPacker
from hatch_aleph.build.workplace import with_workplace
from hatch_aleph.commands import typed
from hatch_aleph.errors import ImageError
from hatch_aleph.files import atomic_path, write_atomic
from hatch_aleph.observer import MIB, size_text
from hatch_aleph.settings import PACKAGES_MOUNT
from hatch_aleph.squashfs import Entry, SquashfsError, write_image
from hatch_aleph.squashfs.pool import in_background
from hatch_aleph.uv import Uv
from hatch_aleph.wheel_file import OWN_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hatch_aleph.artifact import FileHashes
    from hatch_aleph.build.context import BuildContext
    from hatch_aleph.build.packages.inputs import Inputs
    from hatch_aleph.build.packages.pylock import Lock
    from hatch_aleph.build.packages.recipe import Recipe
    from hatch_aleph.build.packages.wheel_cache import PackedWheel
    from hatch_aleph.build.workplace import Workplace

FORMAT = 6  # raised whenever the same inputs give another image
# The nodes' defaults (aleph-im/pyaleph, src/aleph/config.py); each tells its own at /api/v0/storage/limits.json.
STORAGE_LIMIT = 100 * MIB
IPFS_LIMIT = 1024 * MIB


@dataclass(frozen=True)
class ImageBuild:
    """One build of a packages image.

    Attributes:
        context: The build that it is part of.
        recipe: How wheels become an image.
        folder: Receives the image, its lock and its bill of materials.
    """

    context: BuildContext
    recipe: Recipe
    folder: Path

    @property
    def file(self) -> Path:
        """The image."""
        return self.folder / f"{self.context.stem}-packages.squashfs"

    def build(self, inputs: Inputs) -> PackagesResult:
        """Build.

        Raises:
            DependencyError: When a dependency cannot be resolved, fetched, verified or run.
            ImageError: When the image cannot be written, or is above the budget.
        """
        return with_workplace(self.context.cache, lambda place: self._build(inputs, place), self.context.tell)

    def _build(self, inputs: Inputs, place: Workplace) -> PackagesResult:
        context, interpreter, scratch = self.context, self.recipe.interpreter, place.scratch
        uv = Uv(
            context.project.root, context.runtime, interpreter.path if interpreter else None,
            offline=context.offline, cache=place.uv_cache,
        )  # fmt: skip
        wheel_cache = WheelCache(self.recipe, context.cache, place.store)
        packer = WheelPacker(self.recipe, wheel_cache, uv, scratch / "install", context.observer)
        # Whoever wants the published image instead has no use for segments.
        background = packer.prepare if context.published is None else idle
        solver = Solver(context.project, context.settings, uv)
        context.observer.step("resolve")
        resolver = Resolver(solver, context.cache, scratch, context.tell, background)
        lock = resolver.resolve(inputs, locked=context.locked)
        context.observer.done("resolve", count=len(lock.packages))
        if not lock.packages:
            return PackagesResult(None, until=lock.until)
        reused = self._reuse(lock, inputs)
        if reused is not None:
            return reused
        packer.forget(each for each in lock.packages if each.name in solver.suspects)
        wheels = packer.pack(lock)
        context.observer.step("pack")
        # Removing thousands of files takes as long as writing the image: both at once.
        removal = in_background(lambda: _remove(scratch / "install", scratch / "guess"))
        try:
            return self._finish(lock, inputs, wheels)
        finally:
            removal.result()

    def _digest(self, lock: Lock, contents: Sequence[Sequence[str]]) -> str:
        """Return the digest of what decides the image; ``contents`` has name, version and digest of each wheel."""
        made_with = [self.recipe.key, self.recipe.selection]
        return key_of("packages", FORMAT, *made_with, PACKAGES_MOUNT, contents, lock.text)

    def _reuse(self, lock: Lock, inputs: Inputs) -> PackagesResult | None:
        """Take the image of the same inputs that is published already, when all inputs are known before the work."""
        published = self.context.published
        if published is None or not all(each.digest and each.version for each in lock.packages):
            return None
        digest = self._digest(lock, [[each.name, each.version, each.digest] for each in lock.packages])
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            hashes = published(digest, self.file)
            if hashes is None:
                return None
            write_atomic(self.folder / lock_and_sbom_names(self.context.stem)[0], lock.text)
        except OSError as error:
            raise ImageError.unwritable(self.file, error) from error
        self.context.tell("The packages image is the one that is published already.")
        distributions = [Distribution(each.name, each.version, (each.digest,)) for each in lock.packages]
        return self._result(lock, digest, hashes, distributions, inputs.unread)

    def _finish(self, lock: Lock, inputs: Inputs, wheels: list[PackedWheel]) -> PackagesResult:
        segments, overlaps = without_overlaps(wheels, self.recipe.runtime)
        warnings = [*inputs.unread, *overlaps, *(warning for each in wheels for warning in each.facts.warnings)]
        digest = self._digest(lock, [[each.name, each.facts.version, each.digest] for each in wheels])
        bom = bill_of_materials(wheels)
        own = {"inputs": f"{digest}\n", "pylock.toml": lock.text, "bom.cdx.json": bom}
        entries = [Entry(f"{OWN_FOLDER}/{name}", "file", 0o644, text.encode()) for name, text in own.items()]
        if self.recipe.packed:
            entries.append(index_of({each.name: each.facts.modules for each in wheels}, self.recipe))
        options = self.recipe.options
        options.time = time_of(digest)
        try:
            with atomic_path(self.file) as unfinished:
                write_image([*segments, *entries], unfinished, options, sha256=False)
                hashes = hash_file(unfinished)
                self._check_size(hashes.size, wheels, warnings)
                for name, text in zip(lock_and_sbom_names(self.context.stem), (lock.text, bom), strict=True):
                    write_atomic(self.folder / name, text)
        except (OSError, SquashfsError) as error:
            if isinstance(error, OSError) or isinstance(error.__cause__, OSError):
                raise ImageError.unwritable(self.file, error) from error
            raise ImageError(f"The distributions do not fit into one image: {error}.", where=self.file.name) from error
        self.context.observer.done("pack", count=len(wheels), size=hashes.size, heaviest=_heaviest(wheels))
        warnings += [*self._cross_checks(wheels), *_incomplete(wheels, inputs)]
        distributions = [
            Distribution(each.name, each.facts.version, (each.digest,) if each.digest.startswith("sha") else ())
            for each in wheels
        ]
        return self._result(lock, digest, hashes, distributions, warnings)

    def _result(
        self,
        lock: Lock,
        digest: str,
        hashes: FileHashes,
        distributions: Sequence[Distribution],
        warnings: Sequence[str],
    ) -> PackagesResult:
        image = Image.of("packages", self.file, mount=PACKAGES_MOUNT, inputs=digest, hashes=hashes)
        until = 0 if lock.local else lock.until
        return PackagesResult(image, tuple(distributions), tuple(sorted(set(warnings))), until)

    def _cross_checks(self, wheels: Sequence[PackedWheel]) -> list[str]:
        """Return warnings that need all distributions together."""
        provided = {name for each in wheels for name in each.facts.provided}
        modules = {module: each.name for each in wheels for module in each.facts.modules}
        warnings = shadows(modules, self.recipe.runtime, adapter=self.recipe.settings.adapter)
        for each in wheels:
            missing = missing_libraries(each.facts.needed, provided)
            if missing:
                user, names = next(iter(missing.values())), ", ".join(missing)
                warnings.append(
                    f"{each.name} {each.facts.version}: {user} needs {names}, which the "
                    "image does not hold nor, as far as known, the runtime; look for a variant of it that brings its "
                    "libraries (-headless, -binary)"
                )
        return warnings

    def _check_size(self, size: int, wheels: Sequence[PackedWheel], warnings: list[str]) -> None:
        budget = self.recipe.settings.budget_mib
        helps = (
            f'Heaviest: {_heaviest(wheels)}. What helps: compression.level = 15, prune = ["tests", "typing"], exclude, '
            f'or no bytecode for some: exclude = ["NAME/*.pyc"]. See it all: {typed("inspect")}'
        )
        if budget is not None and size > budget * MIB:
            raise ImageError(
                f"{size_text(size)}, above tool.aleph.budget-mib = {budget}",
                where=self.file.name,
                hint=helps,
            )
        for limit, what in ((IPFS_LIMIT, "1 GiB, more than nodes take on IPFS"), (STORAGE_LIMIT, "100 MiB")):
            if size > limit:
                consequence = "" if limit == IPFS_LIMIT else ": nodes' storage does not take it, so it goes to IPFS"
                warnings.append(f"The packages image has {size_text(size)}, above {what}{consequence}. {helps}")
                break


def _incomplete(wheels: Sequence[PackedWheel], inputs: Inputs) -> Iterator[str]:
    """Yield a line for what a lock lacks, of the kinds that are taken as they are written."""
    if inputs.kind not in ("pylock.toml", "Pipfile.lock", "hashed requirements"):
        return
    names = {each.name for each in wheels}
    lacking = [
        f"{', '.join(lost)} (of {each.name})" for each in wheels if (lost := sorted({*each.facts.requires} - names))
    ]
    if lacking:
        yield f"{inputs.file.name} lacks what its distributions require: {'; '.join(lacking)}"


def _heaviest(wheels: Sequence[PackedWheel]) -> str:
    heaviest = sorted(wheels, key=lambda each: -each.segment.contents.length)[:3]
    return ", ".join(f"{each.name} {size_text(each.segment.contents.length)}" for each in heaviest)


def _remove(*folders: Path) -> None:
    for each in folders:
        rmtree(each, ignore_errors=True)
