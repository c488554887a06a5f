"""Images unpacked once, in a cache folder named by what they hold, for machines whose kernel may not mount them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hatch_aleph.artifact import sha256_of
from hatch_aleph.errors import GuestError


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
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
    try:
        _unpack(image, unfinished / "tree")
        try:
            (unfinished / "tree").rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _unpack(image: Path, folder: Path) -> None:
    from hatch_aleph.squashfs import SquashfsError, unpack

    try:
        unpack(image, folder)
    except SquashfsError as error:
        raise GuestError(f"the image cannot be unpacked: {error}", where=str(image)) from error
