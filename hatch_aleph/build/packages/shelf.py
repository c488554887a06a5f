"""Distributions that are ready, as the cache keeps them: packed files and what was found out about them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.build.aside import Aside
from hatch_aleph.build.bytecode import bytecode_path
from hatch_aleph.build.cache import Cache, key_of, touch
from hatch_aleph.errors import ImageError
from hatch_aleph.squashfs import Segment, SquashfsError, write_segment
from hatch_aleph.squashfs.codec import library_version
from hatch_aleph.squashfs.pool import processors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_aleph.build.packages.lock import Locked
    from hatch_aleph.build.packages.tree import Tree
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
class Shelf:
    """Where ready distributions are looked for and put.

    Attributes:
        settings: What is left out of distributions.
        runtime: Where they will run.
        interpreter: Whose bytecode they have; None for none.
        options: Codec, level and block size of the image.
        cache: Has what earlier builds made.
        store: Keeps what this build makes: the cache, or a folder of this build when that cannot be written.
    """

    settings: Settings
    runtime: Runtime
    interpreter: Interpreter | None
    options: Options
    cache: Cache
    store: Cache

    def known_of(self, wanted: Sequence[Locked]) -> dict[tuple[str, str], Vendored]:
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

    def pack(
        self,
        locked: Locked,
        tree: Tree,
        entries: Sequence[Entry],
        bytecode: Sequence[Entry],
        facts: dict[str, Any],
    ) -> Vendored:
        """Pack a distribution and keep it.

        Args:
            locked: Which one.
            tree: All that it brought.
            entries: What of that goes into images.
            bytecode: Of these.
            facts: All that :class:`Facts` holds but the segment.

        Raises:
            ImageError: When it cannot be written.
        """
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
