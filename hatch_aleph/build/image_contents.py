"""What an image holds, short enough to be remembered by its hash: distributions with sizes, or files with digests."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from hatch_aleph.build.cache import Cache
from hatch_aleph.errors import HatchAlephError
from hatch_aleph.shapes import COUNT, NUMBER, OTHERS, TEXT, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Reading all of a larger image to tell which of its files have changed takes longer than anybody waits for a plan.
LARGEST_READ = 16_000_000
_KIND = "contents"
_SHAPE: Shape = {"distributions": {OTHERS: {"version": TEXT, "size": NUMBER}}, "files": {OTHERS: TEXT}, "schema": COUNT}
_NOT_OWN = ("aleph_entry/", ".aleph/")


@dataclass(frozen=True)
class Part:
    """A distribution in an image: its version, and its bytes there, compressed."""

    version: str
    size: float


@dataclass(frozen=True)
class Contents:
    """What an image holds.

    Attributes:
        distributions: By name; empty in an image of the project's own files.
        files: The digest of each of the project's own files by path; bytecode and metadata are not among them.
    """

    distributions: Mapping[str, Part] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def remembered(sha256: str) -> Contents | None:
    """Return what an image of that hash holds, where this machine has built or read it."""
    try:
        data = Cache.default().load(_KIND, sha256, _SHAPE)
    except HatchAlephError:  # others can write the cache; what they put there tells nothing
        return None
    if data is None:
        return None
    return Contents({name: Part(**each) for name, each in data["distributions"].items()}, data["files"])


def contents_of(file: Path, role: str, sha256: str) -> Contents | None:
    """Read what an image or an archive holds, and remember it; None for own files of more than ``LARGEST_READ`` bytes.

    Args:
        file: The image or archive.
        role: ``packages``, or what holds own files.
        sha256: Of its bytes.

    Raises:
        SquashfsError: It is no image, or damaged.
        OSError: It cannot be read.
    """
    known = remembered(sha256)
    if known is not None:
        return known
    if role == "packages":
        from hatch_aleph.build.sizes import measure

        sizes = measure(file)
        weights = sizes.by_owner()
        parts = {name: Part(version, weights[name].compressed) for name, version in sizes.owners.items()}
        found = Contents(distributions=parts)
    elif file.stat().st_size <= LARGEST_READ:
        found = Contents(files=_digests(file))
    else:
        return None
    with contextlib.suppress(HatchAlephError):
        Cache.default().store(_KIND, sha256, {**asdict(found), "schema": 1})
    return found


def _digests(file: Path) -> dict[str, str]:
    from zipfile import ZipFile, is_zipfile

    if is_zipfile(file):
        with ZipFile(file) as archive:
            return {
                each.filename: f"{each.CRC:08x}-{each.file_size}"
                for each in archive.infolist()
                if _is_own(each.filename)
            }
    from hatch_aleph.squashfs.reader import open_image

    found: dict[str, str] = {}
    with open_image(file) as image:
        for member, inode in image.members():
            if member.kind == "file" and _is_own(member.path):
                digest = hashlib.sha256()
                for piece in image.content(inode):
                    digest.update(piece)
                found[member.path] = digest.hexdigest()
    return found


def _is_own(path: str) -> bool:
    return not (path.startswith(_NOT_OWN) or path.endswith((".pyc", "/")) or ".dist-info/" in path)
