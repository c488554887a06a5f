"""Which files differ between an artifact's images and those that are live."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hatch_aleph.deploy.rollback import live_program

if TYPE_CHECKING:
    from hatch_aleph.artifact import Artifact, Image
    from hatch_aleph.deploy.target import Target


@dataclass(frozen=True)
class FileDifference:
    """A file that differs: in which image, how, and its sizes (None where it is not)."""

    role: str
    path: str
    kind: Literal["added", "removed", "changed"]
    before: int | None
    after: int | None


def diff(target: Target, artifact: Artifact) -> tuple[FileDifference, ...]:
    """Compare the files of an artifact with those that are live; images of equal hashes are not fetched.

    Raises:
        PlanError: Nothing is live.
        NetworkError: A live image cannot be fetched.
    """
    state = target.state()
    program = live_program(state)
    found: list[FileDifference] = []
    for image in artifact.manifest.images:
        volume = state.volume_of(program, image.role, image.mount)
        if volume and volume.current.holds(image.sha256, image.cid):
            continue
        with tempfile.TemporaryDirectory(prefix="hatch-aleph-diff-") as folder:
            live = Path(folder) / "live"
            if volume:
                target.client.download(volume.current.file_hash, live)
            before = _files(live, image) if volume else {}
            found += _compare(image.role, before, _files(artifact.file(image), image))
    return tuple(found)


def _compare(role: str, before: dict[str, tuple[str, int]], after: dict[str, tuple[str, int]]) -> list[FileDifference]:
    found = []
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        kind: Literal["added", "removed", "changed"] = (
            "added" if old is None else "removed" if new is None else "changed"
        )
        found.append(FileDifference(role, path, kind, old[1] if old else None, new[1] if new else None))
    return found


def _files(file: Path, image: Image) -> dict[str, tuple[str, int]]:
    """Return digest and size of every file in an image."""
    if image.encoding == "zip":
        from zipfile import ZipFile

        with ZipFile(file) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            return {each.filename: (hashlib.sha256(archive.read(each)).hexdigest(), each.file_size) for each in members}
    from hatch_aleph.squashfs import unpack

    with tempfile.TemporaryDirectory(prefix="hatch-aleph-diff-") as name:
        folder = Path(name) / "tree"
        unpack(file, folder)
        paths = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
        return {path.relative_to(folder).as_posix(): _told(path) for path in paths}


def _told(path: Path) -> tuple[str, int]:
    if path.is_symlink():
        return f"-> {path.readlink()}", 0
    from hatch_aleph.files import sha256_of

    return sha256_of(path), path.stat().st_size
