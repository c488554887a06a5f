"""Distributions that are ready, as the cache keeps them: packed files and what was found out about them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hatch_aleph.build.bytecode import bytecode_path
from hatch_aleph.build.cache import Cache, key_of, touch
from hatch_aleph.build.packages.module_pack import pack_of
from hatch_aleph.build.workplace import unwritten
from hatch_aleph.errors import ImageError
from hatch_aleph.shapes import NO_KEY, OTHERS, TEXT, TRUTH, Shape
from hatch_aleph.squashfs import Segment, SquashfsError, write_segment
from hatch_aleph.squashfs.pool import in_background, processors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hatch_aleph.build.packages.distribution import InstalledWheel
    from hatch_aleph.build.packages.pylock import Locked
    from hatch_aleph.build.packages.recipe import Recipe
    from hatch_aleph.squashfs import Entry

FORMAT = 9  # raised whenever the same wheel gives another segment or other facts


@dataclass(frozen=True)
class WheelFacts:
    """What was found out about a distribution while it was packed.

    Attributes:
        version: As its metadata says.
        licence: "" when its metadata says nothing.
        licence_expression: Whether that is an SPDX expression.
        modules: Top-level modules.
        needed: Libraries wanted from elsewhere, each with one file that wants it.
        provided: Libraries that it brings.
        requires: Distributions that it cannot do without, normalised.
        warnings: What may fail in the guest.
        segment: SHA-256 of the packed bytes.
    """

    version: str
    licence: str
    licence_expression: bool
    modules: list[str]
    needed: dict[str, str]
    provided: list[str]
    requires: list[str]
    warnings: list[str]
    segment: str


_SHAPE: Shape = {
    "version": TEXT,
    "licence": TEXT,
    "licence_expression": TRUTH,
    "modules": [TEXT],
    "needed": {OTHERS: TEXT},
    "provided": [TEXT],
    "requires": [TEXT],
    "warnings": [TEXT],
    "segment": TEXT,
    OTHERS: NO_KEY,
}


@dataclass(frozen=True)
class PackedWheel:
    """A distribution, ready for any image.

    Attributes:
        name: Normalised.
        digest: Stands for its content: of its wheel, or of its files when it was built here.
        facts: About it.
        segment: Its packed files.
        cache: Where it is kept.
        key: Under which name.
    """

    name: str
    digest: str
    facts: WheelFacts
    segment: Segment
    cache: Cache = field(repr=False)
    key: str

    @property
    def sha256(self) -> str:
        """Hash of its wheel, "" when there is none."""
        return self.digest.removeprefix("sha256:") if self.digest.startswith("sha256:") else ""

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        """The hash of each file, as far as they are still kept: few builds need them."""
        return self.cache.load("records", self.key, {OTHERS: TEXT}) or {}


@dataclass(frozen=True)
class WheelCache:
    """Where ready distributions are looked for and put.

    Attributes:
        recipe: What they are made with.
        cache: Has what earlier builds made.
        store: Keeps what this build makes: the cache, or a folder of this build when that cannot be written.
    """

    recipe: Recipe
    cache: Cache
    store: Cache

    def known(self, wanted: Sequence[Locked]) -> dict[tuple[str, str], PackedWheel]:
        """Return what the cache has, with all processors: verifying is mostly hashing."""
        found: dict[tuple[str, str], PackedWheel] = {}
        pending = iter(wanted)

        def take() -> None:
            for each in pending:
                wheel = self._known(each)
                if wheel:
                    found[each.name, each.digest] = wheel

        others = [in_background(take) for _ in range(min(processors(), len(wanted)) - 1)]
        take()
        for each in others:
            each.result()
        return found

    def pack(
        self,
        locked: Locked,
        wheel: InstalledWheel,
        entries: Sequence[Entry],
        bytecode: Sequence[Entry],
        facts: dict[str, Any],
    ) -> PackedWheel:
        """Pack a distribution and keep it.

        Args:
            locked: Which one.
            wheel: All that it brought.
            entries: What of that goes into images.
            bytecode: Of these.
            facts: All that :class:`WheelFacts` holds but the segment.

        Raises:
            ImageError: When it cannot be written.
        """
        digest = locked.digest or wheel.digest
        whole = [path for each in wheel.files for path in (each, bytecode_path(each, self.recipe.runtime))]
        key = self._key(locked, digest, selected=self.recipe.leaves_out(whole))
        file = self.store.file("wheels", key, ".segment")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            if self.recipe.packed:
                bytecode = [pack_of(locked.name, entries, bytecode, self.recipe.runtime)]
            # What an import reads lies together: it need not unpack the sources that lie between.
            first = sorted(each.path for each in bytecode)
            segment = write_segment([*entries, *bytecode], file, self.recipe.options, first=first)
        except (SquashfsError, OSError) as error:
            raise unwritten(error, file) or ImageError(str(error), where=f"{locked.name} {facts['version']}") from error
        known = WheelFacts(**facts, segment=segment.sha256)
        self.store.store("records", key, dict(wheel.hashes))
        self.store.store("wheels", key, asdict(known))
        return PackedWheel(locked.name, digest, known, segment, self.store, key)

    def forget(self, locked: Locked) -> None:
        """Remove a distribution."""
        for selected in (False, True):
            self.store.file("wheels", self._key(locked, locked.digest, selected=selected)).unlink(missing_ok=True)

    def _key(self, locked: Locked, digest: str, *, selected: bool) -> str:
        """Name a segment; ``selected`` when something of the distribution is left out.

        What is local is searched for secrets while it is made: no other project's leave, nor an index's, covers it.
        """
        searched = [["searched", sorted(self.recipe.settings.secrets.allow)]] if locked.local else []
        return key_of(FORMAT, digest, self.recipe.key, self.recipe.selection if selected else [], *searched)

    def _known(self, locked: Locked) -> PackedWheel | None:
        """Return a distribution from the cache if all of it is there and undamaged."""
        name, digest = locked.name, locked.digest
        if not digest:
            return None
        whole = self._load(name, digest, self._key(locked, digest, selected=False))
        if whole and not self.recipe.leaves_out(node.path for node in whole.segment.contents.nodes):
            return whole
        return self._load(name, digest, self._key(locked, digest, selected=True))

    def _load(self, name: str, digest: str, key: str) -> PackedWheel | None:
        stored = self.cache.load("wheels", key, _SHAPE)
        file = self.cache.file("wheels", key, ".segment")
        if stored is None:
            return None
        try:
            facts, segment = WheelFacts(**stored), Segment.load(file)
        except (TypeError, SquashfsError):
            return None
        if segment.sha256 != facts.segment:
            return None
        for each in (file, self.cache.file("wheels", key), self.cache.file("records", key)):
            touch(each)
        return PackedWheel(name, digest, facts, segment, self.cache, key)
