"""Whether what runs is what the project says: by hash, and file by file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hatch_aleph.deploy.comparison import differences, program_content
from hatch_aleph.deploy.health import CODE_REF, Answer, http_get
from hatch_aleph.deploy.state import live_program
from hatch_aleph.files import scratch_folder

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.artifact import Artifact, Image, Manifest
    from hatch_aleph.deploy.deployment import Deployment
    from hatch_aleph.deploy.health import Get
    from hatch_aleph.deploy.plan import FieldChange
    from hatch_aleph.deploy.state import Program, State


@dataclass(frozen=True)
class Verified:
    """How one image compares: sha256 as built here, and what the program names on the network."""

    role: str
    built: str
    live: str | None
    same: bool


@dataclass(frozen=True)
class Verification:
    """How a deployment compares with an artifact.

    Attributes:
        item_hash: Of the program.
        images: Each image.
        fields: Fields of the program that differ.
        running: Whether the code that answers is the newest; None when nothing answers or the host does not tell.
    """

    item_hash: str
    images: tuple[Verified, ...]
    fields: tuple[FieldChange, ...]
    running: bool | None = None

    @property
    def same(self) -> bool:
        """Whether everything is as the artifact says."""
        return all(image.same for image in self.images) and not self.fields and self.running is not False


def verify(target: Deployment, manifest: Manifest, *, path: str = "/", get: Get = http_get) -> Verification:
    """Compare what is live with an artifact.

    The node's bytes are fetched and hashed, so the comparison does not rest on what messages claim.

    Raises:
        PlanError: Nothing is live.
        NetworkError: A file of the program cannot be fetched, or its bytes are not those of its hash.
    """
    state = target.state()
    program = live_program(state)
    images = tuple(_image(target, state, program, image) for image in manifest.images)
    refs: dict[str, str] = {image.role: program.ref(image.role, image.mount) or "" for image in manifest.images}
    wanted = program_content(manifest, refs, owner=target.owner, tag=target.tag)
    return Verification(
        item_hash=program.item_hash,
        images=images,
        fields=differences(program.content, wanted),
        running=_running(target, state, program, path, get),
    )


def _image(target: Deployment, state: State, program: Program, image: Image) -> Verified:
    volume = state.volume_of(program, image.role, image.mount)
    if volume is None:
        return Verified(image.role, image.sha256, None, same=False)
    live = volume.current
    with scratch_folder() as folder:
        target.client.download(live.file_hash, folder / "image", size=live.size)  # checks the hash
    same = live.holds(image.sha256, image.cid)
    return Verified(image.role, image.sha256, str(live.notes.get("sha256") or live.file_hash), same)


def _running(target: Deployment, state: State, program: Program, path: str, get: Get) -> bool | None:
    code = state.volumes.get(program.ref("code", "") or "")
    for url in target.urls(program.item_hash):
        try:
            answer: Answer = get(url + path, timeout=30)
        except OSError:
            continue
        ran = answer.headers.get(CODE_REF)
        if ran is not None and code is not None:
            return ran == code.current.item_hash
    return None


@dataclass(frozen=True)
class FileDifference:
    """A file that differs: in which image, how, and its sizes (None where it is not)."""

    role: str
    path: str
    kind: Literal["added", "removed", "changed"]
    before: int | None
    after: int | None


def diff(target: Deployment, artifact: Artifact) -> tuple[FileDifference, ...]:
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
        with scratch_folder() as folder:
            live = folder / "live"
            if volume:
                target.client.download(volume.current.file_hash, live, size=volume.current.size)
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

    with scratch_folder() as name:
        folder = name / "tree"
        unpack(file, folder)
        paths = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
        return {path.relative_to(folder).as_posix(): _told(path) for path in paths}


def _told(path: Path) -> tuple[str, int]:
    if path.is_symlink():
        return f"-> {path.readlink()}", 0
    from hatch_aleph.files import sha256_of

    return sha256_of(path), path.stat().st_size
