"""A program's volumes as the mounts of its machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import GuestError

if TYPE_CHECKING:
    from hatch_aleph.local.host.spec import ProgramSpec, VolumeSpec

CODE_ROOT = "/opt/code"
PACKAGES_ROOT = "/opt/packages"
# The letters of /dev/vda to vdz, less the root's (aleph-vm, hypervisors/firecracker/microvm.py).
LARGEST_NUMBER = 25

ImageMount = Callable[[Path], dict[str, Any]]


def mounts_of(spec: ProgramSpec, kept: Path, image_mount: ImageMount) -> list[dict[str, Any]]:
    """Return the mounts in the init's order: code first when it is an image, then the volumes as they are listed.

    Args:
        spec: The program.
        kept: Folder under which persistent volumes live, by item hash and name.
        image_mount: Says how an image is mounted here: ``source`` and ``kind``.

    Raises:
        GuestError: A volume that the network's hosts do not run either.
    """
    drives = len(spec.volumes) + (spec.encoding == "squashfs")
    if drives > LARGEST_NUMBER:
        raise GuestError(
            f"a machine has room for {LARGEST_NUMBER} volumes and the code, not {drives}", where=spec.item_hash
        )
    mounts = []
    if spec.encoding == "squashfs":
        mounts.append({"at": CODE_ROOT, "read_only": True, **image_mount(spec.code)})
    for index, volume in enumerate(spec.volumes):
        mounts.append(_mount(spec, index, volume, kept, image_mount))
    return mounts


def _mount(spec: ProgramSpec, index: int, volume: VolumeSpec, kept: Path, image_mount: ImageMount) -> dict[str, Any]:
    if volume.kind == "ephemeral":
        # get_volume_path in src/aleph/vm/storage.py of aleph-vm
        raise GuestError(
            f"the ephemeral volume at {volume.mount} cannot be mounted: hosts do not implement ephemeral volumes",
            where=spec.item_hash,
            hint="write to /tmp, which is in memory, or use a persistent volume",
        )
    if volume.kind == "immutable":
        if volume.image is None:
            raise GuestError(f"the volume at {volume.mount} has no image", where=spec.item_hash)
        return {"at": volume.mount, "read_only": True, **image_mount(volume.image)}
    if volume.persistence != "host":
        raise GuestError(
            f"the persistent volume at {volume.mount} asks for persistence {volume.persistence!r}",
            where=spec.item_hash,
            hint='hosts keep persistent volumes only with persistence = "host"',
        )
    name = volume.name or f"unamed_volume_{index}"
    folder = kept / spec.item_hash / re.sub(r"[^\w\-]", "_", name)
    folder.mkdir(parents=True, exist_ok=True)
    at = volume.mount or f"/mnt/{name}"
    return {"at": at, "source": str(folder), "kind": "folder", "read_only": False, "size_mib": volume.size_mib}
