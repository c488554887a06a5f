"""What becomes of a project's dependencies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_aleph.build.module_lookup import holds_module

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.artifact import Distribution, Image


@dataclass(frozen=True)
class PackagesResult:
    """What became of a project's dependencies.

    Attributes:
        image: The packages image; None when there are none.
        distributions: What is in it, pinned.
        warnings: What the user should know before publishing.
        until: How long the same inputs give this result, seconds since 1970: dependencies without a lock are resolved
            again after some time, folders at each build.
        file: Where the image is.
    """

    image: Image | None
    distributions: tuple[Distribution, ...] = ()
    warnings: tuple[str, ...] = ()
    until: float = math.inf
    file: Path | None = None

    @property
    def inputs(self) -> str:
        """The inputs digest of the image; "" without one."""
        return self.image.inputs if self.image else ""

    def holds(self, module: str) -> bool:
        """Tell whether the image holds a module."""
        from hatch_aleph.squashfs import list_image

        return self.file is not None and holds_module((each.path for each in list_image(self.file)), module)

    def has_command(self, name: str) -> bool:
        """Tell whether the image holds a program that is found by its name alone."""
        from hatch_aleph.squashfs import list_image

        return self.file is not None and any(each.path == f"bin/{name}" for each in list_image(self.file))
