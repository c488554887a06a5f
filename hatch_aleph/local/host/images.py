"""Images unpacked once, in a cache folder named by what they hold, for machines whose kernel may not mount them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.errors import GuestError
from hatch_aleph.files import atomic_folder, sha256_of

if TYPE_CHECKING:
    from pathlib import Path


def unpacked(image: Path, cache: Path) -> Path:
    """Return the folder with an image's tree, unpacking it when the cache has none of its hash.

    Raises:
        GuestError: The file is not there or is no image.
    """
    if not image.is_file():
        raise GuestError("the image is not there", where=str(image))
    folder = cache / "trees" / sha256_of(image)
    if folder.is_dir():
        return folder
    with atomic_folder(folder) as unfinished:
        _unpack(image, unfinished)
    return folder


def _unpack(image: Path, folder: Path) -> None:
    from hatch_aleph.squashfs import SquashfsError, unpack

    try:
        unpack(image, folder)
    except SquashfsError as error:
        raise GuestError(f"the image cannot be unpacked: {error}", where=str(image)) from error
