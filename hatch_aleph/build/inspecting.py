"""Finds the images that a user means, and measures them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.artifact import SUFFIX, Artifact
from hatch_aleph.errors import ArtifactError, ImageError

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.build.sizes import Sizes


def images_of(path: Path) -> list[Path]:
    """Return the squashfs images of a manifest, of a folder with an artifact, or the one image itself.

    Raises:
        ArtifactError: When there are none.
    """
    if path.is_file() and not path.name.endswith(SUFFIX):
        return [path]
    artifact = Artifact.load(path) if path.is_file() else Artifact.find(path)
    images = [artifact.file(image) for image in artifact.manifest.images if image.encoding == "squashfs"]
    if not images:
        raise ArtifactError("it has no squashfs image", where=str(artifact.path))
    return images


def measured(image: Path) -> Sizes:
    """Measure an image.

    Raises:
        ImageError: When it cannot be read.
    """
    from hatch_aleph.build.sizes import measure
    from hatch_aleph.squashfs import SquashfsError

    try:
        return measure(image)
    except SquashfsError as error:
        raise ImageError(str(error), where=str(image), hint="Build it again: hatch build -t aleph") from error
