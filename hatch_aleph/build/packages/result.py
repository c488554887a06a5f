"""What becomes of a project's dependencies, and who may have built their image already."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.artifact import Distribution, FileHashes, Image


class Published(Protocol):
    """Knows images that others have built of the same inputs: they need not be built again."""

    def __call__(self, inputs: str, destination: Path) -> FileHashes | None:
        """Put the image of these inputs in place, and return its hashes; None when there is none."""


@dataclass(frozen=True)
class PackagesResult:
    """What became of a project's dependencies.

    Attributes:
        image: The packages image; None when there are none.
        distributions: What is in it, pinned.
        warnings: What the user should know before publishing.
        until: How long the same inputs give this result, seconds since 1970: dependencies without a lock are resolved
            again after some time, folders at each build.
    """

    image: Image | None
    distributions: tuple[Distribution, ...] = ()
    warnings: tuple[str, ...] = ()
    until: float = math.inf
