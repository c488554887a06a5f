"""Compare an artifact with what is live, field by field and image by image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_aleph.deploy.plan import FieldChange, ImageAction, ImageStep, Plan, ProgramStep
from hatch_aleph.deploy.state import misnamed
from hatch_aleph.itemhash import UNSIGNED
from hatch_aleph.settings.program_message import ABSENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hatch_aleph.artifact import Image, Manifest
    from hatch_aleph.deploy.state import Program, State, Volume
    from hatch_aleph.network.answers import Limits

# Said for readers alone: a difference in these is no reason to give up an item hash and its URL.
_COSMETIC = ("time", "metadata", "runtime.comment", "code.comment", "data.comment")


def program_content(
    manifest: Manifest, refs: Mapping[str, str], *, owner: str, tag: str, time: float | None = None
) -> dict[str, Any]:
    """Return the content of the PROGRAM message.

    Args:
        manifest: Of the artifact.
        refs: Item hash of the original STORE of each role.
        owner: Address that owns and pays.
        tag: The deployment's tag.
        time: Signed time; absent while the content is only compared or priced.
    """
    content: dict[str, Any] = {**manifest.program, "address": owner}
    content["code"] = {**manifest.program["code"], "ref": refs["code"]}
    mounted = [
        {"mount": image.mount, "ref": refs[image.role], "use_latest": True}
        for image in manifest.images
        if image.role != "code"
    ]
    content["volumes"] = [*mounted, *(manifest.program.get("volumes") or ())]
    content["metadata"] = {**(manifest.program.get("metadata") or {}), "tags": [tag]}
    if time is not None:
        content["time"] = time
    return content


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Return every field in which two programs differ in more than words, by path.

    Lists are compared whole, since the order of volumes is the order of mounting; variables one by one.
    """
    left, right = ({**ABSENT, **dict(_leaves(content))} for content in (before, after))
    return tuple(
        FieldChange(path, left.get(path), right.get(path))
        for path in sorted({*left, *right})
        if left.get(path) != right.get(path)
    )


def _leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        path = f"{prefix}{key}"
        if path in _COSMETIC or item is None:
            continue
        if isinstance(item, dict):
            yield from _leaves(item, f"{path}.")
        else:
            yield path, _plain(item)


def _plain(value: Any) -> Any:
    # Volumes come from the node as they were signed, but null fields may have been filled in by another tool.
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None and key != "comment"}
    return value


class Planner:
    """Decides what a deployment would change; asks the node only whether it has the bytes already.

    Args:
        state: What is live.
        limits: Sizes that the node takes.
        has_file: Tells whether the node has a file of that name.
        node: The node's URL, to be said in the plan.
    """

    def __init__(self, state: State, *, limits: Limits, has_file: Callable[[str], bool], node: str) -> None:
        self._state = state
        self._limits = limits
        self._has_file = has_file
        self._node = node

    def plan(self, manifest: Manifest) -> Plan:
        """Return what has to be done for the artifact of a manifest to be what is live, cost aside.

        Raises:
            RejectedError: An image is larger than the node takes.
        """
        kept = self._program_to_keep(manifest)
        old = kept or (self._state.programs[0] if self._state.programs else None)
        images = tuple(self._image_step(image, old, in_place=kept is not None) for image in manifest.images)
        if kept is not None:
            step = ProgramStep("unchanged", kept.item_hash)
        else:
            changes = self._changes(old, manifest) if old else ()
            step = ProgramStep("replace" if old else "create", old.item_hash if old else None, changes)
        gone = [program for program in self._state.programs if program is not kept]
        superseded = tuple(program.item_hash for program in gone)
        return Plan(
            node=self._node,
            owner=self._state.owner,
            tag=self._state.tag,
            project=manifest.project["name"],
            version=manifest.project["version"],
            profile=manifest.profile,
            images=images,
            program=step,
            forget=superseded,
            drain_seconds=manifest.settings.drain_seconds if superseded and manifest.settings.domains else 0.0,
            dangers=(
                *(_dangers(old.content) if old and kept is None else ()),
                *misnamed(gone, (manifest.project["name"], manifest.called)),
            ),
        )

    def _program_to_keep(self, manifest: Manifest) -> Program | None:
        # The newest that says what is wanted. With two live at once (a new one had not taken over when its deployment
        # was cut off, or was kept though it did not answer), either may be the one.
        fitting = (program for program in self._state.programs if not self._changes(program, manifest))
        if manifest.settings.strategy == "replace":  # no volume is ever amended: other contents are another program
            fitting = (program for program in fitting if self._has_all(program, manifest))
        return next(fitting, None)

    def _has_all(self, program: Program, manifest: Manifest) -> bool:
        volumes = ((image, self._state.volume_of(program, image.role, image.mount)) for image in manifest.images)
        return all(volume is not None and volume.current.holds(image.sha256, image.cid) for image, volume in volumes)

    def _changes(self, program: Program, manifest: Manifest) -> tuple[FieldChange, ...]:
        refs = {
            image.role: program.ref(image.role, image.mount) or UNSIGNED
            for image in manifest.images
            # A volume whose original is gone cannot be amended: the program has to name another.
            if self._state.volume_of(program, image.role, image.mount)
        }
        complete: dict[str, str] = {image.role: refs.get(image.role, UNSIGNED) for image in manifest.images}
        wanted = program_content(manifest, complete, owner=self._state.owner, tag=self._state.tag)
        return differences(program.content, wanted)

    def _image_step(self, image: Image, program: Program | None, *, in_place: bool) -> ImageStep:
        volume = self._state.volume_of(program, image.role, image.mount) if program else None
        before = volume.current.notes.get("sha256", volume.current.file_hash) if volume else None
        if volume and volume.current.holds(image.sha256, image.cid):
            return self._step(image, "unchanged", volume, before)
        if volume and in_place:
            return self._step(image, "amend", volume, before)
        waiting = self._waiting(image)
        if waiting:
            return self._step(image, "reuse", waiting, before)
        return self._step(image, "pin", None, before)

    def _waiting(self, image: Image) -> Volume | None:
        # Left by a deployment that was cut off between volume and program.
        fitting = (volume for volume in self._state.volumes.values() if volume.role == image.role)
        holding = (volume for volume in fitting if volume.current.holds(image.sha256, image.cid))
        return next((volume for volume in holding if volume.ref not in self._state.used), None)

    def _step(self, image: Image, action: ImageAction, volume: Volume | None, before: str | None) -> ImageStep:
        from hatch_aleph.network.transfer import choose_engine

        if volume and action in ("unchanged", "reuse"):
            engine, file_hash, upload = volume.current.engine, volume.current.file_hash, False
        else:
            engine = choose_engine(image.size, self._limits)
            file_hash = image.sha256 if engine == "storage" else image.cid
            upload = not self._has_file(file_hash)
        return ImageStep(
            role=image.role,
            action=action,
            upload=upload,
            engine=engine,  # type: ignore[arg-type] # a node names no other
            file_hash=file_hash,
            sha256=image.sha256,
            size=image.size,
            ref=volume.ref if volume else None,
            before=before,
        )


def _dangers(content: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"the persistent volume {volume.get('name') or volume['mount']} is lost: a new program begins with an empty one"
        for volume in content.get("volumes") or ()
        if volume.get("persistence") == "host"
    )
