"""A program inside its runtime's own image, under the image's own init: the nearest to the VM without one.

Needs root on Linux: the kernel mounts the images. The network is cut off; a program with internet gets an ``eth0``
that leads nowhere, so that its ``lo`` is up as in the VM.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import msgpack

from hatch_aleph.errors import GuestError
from hatch_aleph.files import atomic_path
from hatch_aleph.local.host.boot_plan import mounts_of
from hatch_aleph.local.host.launch import Launched, launch
from hatch_aleph.local.host.machine import Machine
from hatch_aleph.local.host.places import INSIDE

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.local.host.places import Place
    from hatch_aleph.local.host.spec import Limits, ProgramSpec

_DISK_NAME = "disk.ext4"


class ImageMachine(Machine):
    """A machine whose guest is the runtime image of its program (``spec.runtime``)."""

    async def _launch(self) -> Launched:
        if not self.place.isolation.kernel_images:
            raise GuestError(
                "A runtime image can only be run by root on Linux, where the kernel mounts it",
                where=str(self.spec.runtime),
                hint="Without the image the program runs in this machine's Python.",
            )
        self._hello: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        return await launch(self.spec, self.place, self.limits, image_plan, folder=self._folder)

    async def _configure(self) -> dict[str, Any]:
        """Wait until the init says that it is there, and what version it is (wait_for_init in aleph-vm)."""
        assert self._launched is not None  # noqa: S101 - set by start
        path = self._launched.folder / "shared" / "host-52"
        server = await asyncio.start_unix_server(self._hear, path=str(path))
        try:
            hello = await asyncio.wait_for(self._hello_or_end(), self.limits.init)
        except asyncio.TimeoutError:
            return {"success": False, "error": f"its init did not come up within {self.limits.init:g} seconds"}
        finally:
            server.close()
        if hello is None:
            return {"success": False, "error": "the runtime image did not start"}
        self._version = str(msgpack.loads(hello)["version"]) if hello else "1.0.0"
        return await super()._configure()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(1000)
        if not self._hello.done():
            self._hello.set_result(hello)
        writer.close()

    async def _hello_or_end(self) -> bytes | None:
        """Return what the init said, or None when its process ended first."""
        assert self._launched is not None  # noqa: S101 - set by start
        end = asyncio.ensure_future(self._launched.ended())
        waited: set[asyncio.Future[Any]] = {self._hello, end}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        return self._hello.result() if self._hello.done() else None

    def _configuration(self) -> dict[str, Any]:
        """Return the configuration in the init's version, with the drives that it is to mount."""
        configuration = super()._configuration()
        names = (f"vd{chr(ord('b') + index)}" for index in range(25))
        mounts = mounts_of(self.spec, self.place.volumes, lambda image: {"source": str(image)})
        configuration["volumes"] = [
            {"mount": mount["at"], "device": name, "read_only": mount["read_only"]}
            for name, mount in zip(names, mounts, strict=False)
        ]
        if self._version == "1.0.0":
            for unknown in ("ipv6", "ipv6_gateway", "authorized_keys"):
                del configuration[unknown]
        return configuration


def machine_class(spec: ProgramSpec) -> type[Machine]:
    """Return the class of a program's machine: in its runtime's image if it has one, else in this machine's Python."""
    return ImageMachine if spec.runtime else Machine


def image_plan(spec: ProgramSpec, place: Place, limits: Limits, folder: Path) -> dict[str, Any]:
    """Return the plan by which ``aleph_host_inside.image_root`` boots a runtime image.

    Raises:
        GuestError: A volume cannot be used.
    """
    del limits  # the image's init has its own
    staging, shared = folder / "root", folder / "shared"
    staging.mkdir()
    shared.mkdir()
    shutil.copy(INSIDE / "aleph_host_inside" / "vsock.py", shared)
    mounts = mounts_of(spec, place.volumes, lambda image: {"source": str(image.resolve())})
    drives = [_drive(mount) for mount in mounts]
    return {
        "image": str(spec.runtime),
        "drives": drives,
        "staging": str(staging),
        "shared": str(shared),
        "api_socket": str(shared / "api"),
        "hostname": spec.hostname,
        "network": spec.internet,
    }


def _drive(mount: dict[str, Any]) -> dict[str, Any]:
    """Return the file behind a drive: the image, or a disk in the folder of a persistent volume (create_ext4)."""
    if mount["read_only"]:
        return {"source": mount["source"], "read_only": True}
    return {"source": str(_disk(mount["source"], mount["size_mib"])), "read_only": False}


def _disk(folder: str, mebibytes: int) -> Path:
    from pathlib import Path

    disk = Path(folder) / _DISK_NAME
    if disk.is_symlink() or not disk.is_file():  # a program may have left a link to a disk of this machine
        try:
            with atomic_path(disk) as unfinished:
                os.truncate(unfinished, mebibytes * 1024**2)
                subprocess.run(["mkfs.ext4", "-q", str(unfinished)], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise GuestError(f"No disk can be made for a persistent volume: {error}", where=folder) from error
    return disk
