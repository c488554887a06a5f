"""How wheels become an image: all that decides its bytes beside the wheels themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.build.bytecode import FORMAT as BYTECODE
from hatch_aleph.build.bytecode import bytecode_path
from hatch_aleph.build.packages.exclusion import RULES, excluded
from hatch_aleph.squashfs import Options
from hatch_aleph.squashfs.codec import library_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings


@dataclass(frozen=True)
class Recipe:
    """What an image is made with.

    Attributes:
        settings: What is left out, and how the image is compressed.
        runtime: Where it will run.
        interpreter: Makes the bytecode; None for none.
    """

    settings: Settings
    runtime: Runtime
    interpreter: Interpreter | None

    @property
    def options(self) -> Options:
        """How the image is compressed."""
        return Options(codec=self.settings.compression.codec, level=self.settings.compression.level)

    @property
    def packed(self) -> bool:
        """Whether bytecode lies in packs, which the adapter reads, and not beside its sources, where Python does."""
        return self.settings.packed_modules and self.settings.adapter and self.interpreter is not None

    @property
    def key(self) -> list[Any]:
        """What decides how the files of a wheel are stored, for the names of cache entries."""
        return [
            self.options.layout_key, library_version(self.options.codec),
            self.interpreter.version if self.interpreter else "", self.settings.optimize,
            self.runtime.python, self.runtime.platform, self.packed, BYTECODE,
        ]  # fmt: skip

    @property
    def selection(self) -> list[Any]:
        """What decides which files of a wheel are left out."""
        return [self.settings.exclude, self.settings.prune]

    def leaves_out(self, paths: Iterable[str]) -> bool:
        """Tell whether any of these files may be left out."""
        exclude, rules = self.settings.exclude, [RULES[name] for name in self.settings.prune]
        if self.packed:  # globs may mean bytecode, whose files are not there
            paths = [name for path in paths for name in (path, bytecode_path(path, self.runtime))]
        return bool(exclude or rules) and any(
            excluded(path, exclude) or any(rule(path) for rule in rules) for path in paths
        )
