"""The boot plan of a machine: JSON data that ``aleph_host_inside.startup`` follows, in two parts."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import GuestError
from hatch_aleph.local.host import cached_folders
from hatch_aleph.local.host.aleph_host_inside import (
    CODE_ROOT,
    GUEST_API,
    GUEST_HOME,
    INIT,
    LIBRARIES_ROOT,
    PACKAGES_ROOT,
)
from hatch_aleph.local.host.foreign_platform import with_packages_of_here
from hatch_aleph.settings.entry_points import is_command, of_message
from hatch_aleph.settings.rules import EXECUTABLE_PORT

if TYPE_CHECKING:
    from hatch_aleph.local.host.places import Place
    from hatch_aleph.local.host.spec import Limits, ProgramSpec, VolumeSpec

# The letters of /dev/vda to vdz, less the root's (aleph-vm, hypervisors/firecracker/microvm.py).
LARGEST_NUMBER = 25

ImageMount = Callable[[Path], dict[str, Any]]


def base_plan(place: Place, version: str, folder: Path) -> dict[str, Any]:
    """Return the part of the boot plan that is the same for all programs of a Python minor version.

    Raises:
        GuestError: The modules of the init cannot be installed.
    """
    preloaded = cached_folders.preloaded_modules(place.python, version, place.cache)
    base: dict[str, Any] = {"api_socket": str(folder / "api")}
    if not place.isolation.sandbox:
        return {**base, "sandbox": None, "path": [str(preloaded)], "argv0": "init1.py"}
    staging = folder / "root"
    staging.mkdir()
    sandbox = {
        "user": place.isolation.user,
        "staging": str(staging),
        "fresh": ["/tmp", GUEST_HOME, CODE_ROOT, PACKAGES_ROOT, "/data"],  # noqa: S108 - in the namespace
        "library": str(preloaded),
    }
    return {**base, "sandbox": sandbox, "path": [GUEST_HOME, LIBRARIES_ROOT], "argv0": INIT}  # the init is in the first


def boot_plan(spec: ProgramSpec, place: Place, limits: Limits, folder: Path) -> dict[str, Any]:
    """Return the part of the boot plan that a program needs, preparing the images it names."""
    if place.foreign:
        spec = with_packages_of_here(spec, place.python, place.cache)
    mounts = mounts_of(spec, place.volumes, _image_mount(place))
    plan: dict[str, Any] = {
        "hostname": spec.hostname,
        "environment": {},
        "lifespan_seconds": limits.lifespan,
        "shutdown_seconds": limits.shutdown_event,
        "proxy_seconds": limits.proxy,
        "reads_once": bool(limits.piece_bytes),
    }
    if place.isolation.sandbox:
        return plan | _sandboxed(spec, mounts, folder)
    return plan | _mapped(mounts, folder)


def _sandboxed(spec: ProgramSpec, mounts: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    alone = spec.internet and _wants_port(spec) and _is_taken(EXECUTABLE_PORT)
    api = {"at": GUEST_API, "source": str(folder / "api"), "kind": "socket"}
    sandbox = {
        "net": not spec.internet or alone,
        "lo": alone,
        "hostname": spec.hostname,
        "mebibytes": spec.memory,
        "mounts": [api, *mounts],
    }
    return {
        "sandbox": sandbox,
        "guest_api": GUEST_API,
        "code_root": CODE_ROOT,
        "packages_root": PACKAGES_ROOT,
        "zip_root": "/opt",
        "data_root": "/data",
    }


def _wants_port(spec: ProgramSpec) -> bool:
    """Tell whether a program listens on the machine's port: bare executables, and those behind the adapter."""
    said, adapter = of_message(spec.entrypoint)
    return spec.interface == "executable" or (adapter and is_command(said))


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _mapped(mounts: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    """Return the plan without a sandbox: the real folders, told to the program in its environment."""
    at = {mount["at"]: mount["source"] for mount in mounts}
    empty = folder / "opt"
    code = at.get(CODE_ROOT, str(empty / "code"))
    packages = at.get(PACKAGES_ROOT, str(empty / "packages"))
    environment = {"ALEPH_CODE_ROOT": code, "ALEPH_PACKAGES_ROOT": packages, "ALEPH_MOUNTS": json.dumps(at)}
    return {
        "sandbox": None,
        "guest_api": str(folder / "api"),
        "code_root": code,
        "packages_root": packages,
        "zip_root": str(empty),
        "data_root": None,
        "environment": environment,
    }


def _image_mount(place: Place) -> Callable[[Path], dict[str, Any]]:
    def mount(image: Path) -> dict[str, Any]:
        if image.is_dir():
            return {"source": str(image.resolve()), "kind": "folder"}
        if place.isolation.kernel_images:
            return {"source": str(image.resolve()), "kind": "squashfs"}
        return {"source": str(cached_folders.unpacked(image, place.cache)), "kind": "folder"}

    return mount


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
            f"A machine has room for {LARGEST_NUMBER} volumes and the code, not {drives}", where=spec.item_hash
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
            f"The ephemeral volume at {volume.mount} cannot be mounted: hosts do not implement ephemeral volumes",
            where=spec.item_hash,
            hint="Write to /tmp, which is in memory, or use a persistent volume",
        )
    if volume.kind == "immutable":
        if volume.image is None:
            raise GuestError(f"The volume at {volume.mount} has no image", where=spec.item_hash)
        return {"at": volume.mount, "read_only": True, **image_mount(volume.image)}
    if volume.persistence != "host":
        raise GuestError(
            f"The persistent volume at {volume.mount} asks for persistence {volume.persistence!r}",
            where=spec.item_hash,
            hint='Hosts keep persistent volumes only with persistence = "host"',
        )
    name = volume.name or f"unamed_volume_{index}"
    kept.mkdir(parents=True, exist_ok=True)
    kept.chmod(0o700)  # a program can leave files there that anybody may run with its user's rights
    folder = kept / spec.item_hash / re.sub(r"[^\w\-]", "_", name)
    folder.mkdir(parents=True, exist_ok=True)
    at = volume.mount or f"/mnt/{name}"
    return {"at": at, "source": str(folder), "kind": "folder", "read_only": False, "size_mib": volume.size_mib}
