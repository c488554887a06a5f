"""The boot plan of a machine: JSON data that ``aleph_host_inside.boot`` follows."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

from hatch_aleph.local.host import images, libraries
from hatch_aleph.local.host.aleph_host_inside import GUEST_API, GUEST_HOME, INIT, LIBRARIES_ROOT
from hatch_aleph.local.host.elsewhere import with_packages_of_here
from hatch_aleph.local.host.volumes import CODE_ROOT, PACKAGES_ROOT, mounts_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_aleph.local.host.places import Place
    from hatch_aleph.local.host.spec import Limits, ProgramSpec

_EXECUTABLE_PORT = 8080


def boot_plan(spec: ProgramSpec, place: Place, limits: Limits, folder: Path) -> dict[str, Any]:
    """Return the boot plan (JSON data) that ``aleph_host_inside.boot`` follows, preparing the images it names."""
    if place.foreign:
        spec = with_packages_of_here(spec, place.python, place.cache)
    preloaded = libraries.installed(place.python, spec.python, place.cache)
    mounts = mounts_of(spec, place.volumes, _image_mount(place))
    plan: dict[str, Any] = {
        "hostname": spec.hostname,
        "api_socket": str(folder / "api"),
        "environment": {},
        "lifespan_seconds": limits.lifespan,
        "shutdown_seconds": limits.shutdown_event,
        "proxy_seconds": limits.proxy,
    }
    if place.isolation.walls:
        return plan | _walled(spec, place, mounts, preloaded, folder)
    return plan | _mapped(mounts, preloaded, folder)


def _walled(
    spec: ProgramSpec, place: Place, mounts: list[dict[str, Any]], preloaded: Path, folder: Path
) -> dict[str, Any]:
    staging = folder / "root"
    staging.mkdir()
    alone = spec.internet and _wants_port(spec) and _is_taken(_EXECUTABLE_PORT)
    library = {"at": LIBRARIES_ROOT, "source": str(preloaded), "kind": "folder", "read_only": True}
    api = {"at": GUEST_API, "source": str(folder / "api"), "kind": "socket"}
    walls = {
        "user": place.isolation.user,
        "net": not spec.internet or alone,
        "lo": alone,
        "hostname": spec.hostname,
        "staging": str(staging),
        "fresh": ["/tmp", GUEST_HOME, "/opt/code", "/opt/packages", "/data"],  # noqa: S108 - in the namespace
        "mounts": [library, api, *mounts],
    }
    return {
        "walls": walls,
        "guest_api": GUEST_API,
        "path": [GUEST_HOME, LIBRARIES_ROOT],  # the init stands in the first
        "argv0": INIT,
        "code_root": CODE_ROOT,
        "packages_root": PACKAGES_ROOT,
        "zip_root": "/opt",
        "data_root": "/data",
    }


def _wants_port(spec: ProgramSpec) -> bool:
    """Tell whether a program listens on the machine's port: bare executables, and those behind the adapter.

    The adapter's entry points are ``aleph_entry:COMMAND`` for these and ``aleph_entry:MODULE:ATTRIBUTE`` for apps.
    """
    return spec.interface == "executable" or (
        spec.entrypoint.startswith("aleph_entry:") and spec.entrypoint.count(":") == 1
    )


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _mapped(mounts: list[dict[str, Any]], preloaded: Path, folder: Path) -> dict[str, Any]:
    """Return the plan where no walls can be had: the real folders, told to the program in its environment."""
    at = {mount["at"]: mount["source"] for mount in mounts}
    empty = folder / "opt"
    code = at.get(CODE_ROOT, str(empty / "code"))
    packages = at.get(PACKAGES_ROOT, str(empty / "packages"))
    environment = {"ALEPH_CODE_ROOT": code, "ALEPH_PACKAGES_ROOT": packages, "ALEPH_MOUNTS": json.dumps(at)}
    return {
        "walls": None,
        "guest_api": str(folder / "api"),
        "path": [str(preloaded)],
        "argv0": "init1.py",
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
        return {"source": str(images.unpacked(image, place.cache)), "kind": "folder"}

    return mount
