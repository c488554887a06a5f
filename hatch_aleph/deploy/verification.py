"""Whether what runs is what the project says, by hash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_aleph.deploy.comparison import differences, program_content
from hatch_aleph.deploy.health import CODE_REF, Answer, harmless_urls, http_get
from hatch_aleph.deploy.state import live_program
from hatch_aleph.files import scratch_folder

if TYPE_CHECKING:
    from hatch_aleph.artifact import Image, Manifest
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
    return Verified(image.role, image.sha256, live.digest, same)


def _running(target: Deployment, state: State, program: Program, path: str, get: Get) -> bool | None:
    code = state.volumes.get(program.ref("code", "") or "")
    urls = harmless_urls(target.hosts, program.item_hash, persistent=program.persistent)
    for url in () if isinstance(urls, str) else urls:
        try:
            answer: Answer = get(url + path, timeout=30)
        except OSError:
            continue
        ran = answer.headers.get(CODE_REF)
        if ran is not None and code is not None:
            return ran == code.current.item_hash
    return None
