"""Starts the process of a machine: its boot plan, its terminal, its listening socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hatch_aleph.local.host import images, leftovers, libraries
from hatch_aleph.local.host.elsewhere import with_packages_of_here
from hatch_aleph.local.host.isolation import INSIDE, Isolation
from hatch_aleph.local.host.memory import MemoryGroup
from hatch_aleph.local.host.spec import Limits, ProgramSpec
from hatch_aleph.local.host.volumes import CODE_ROOT, PACKAGES_ROOT, mounts_of

LIBRARIES_ROOT = "/opt/aleph/libs"
GUEST_API = "/tmp/socat-socket"  # noqa: S108 - the guest's own path
_START = "import sys; sys.path.insert(0, {parent!r}); from aleph_host_inside.boot import main; main({plan!r}, {fd})"
_EXECUTABLE_PORT = 8080
_GUEST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


PlanOf = Callable[[ProgramSpec, "Place", Limits, Path], dict[str, Any]]


@dataclass(frozen=True)
class Place:
    """Where a machine finds its means.

    Attributes:
        python: Interpreter of the runtime's minor version.
        cache: Folder for what can be made again: unpacked images, preloaded modules.
        volumes: Folder of persistent volumes.
        isolation: The walls that this machine allows.
        foreign: Compiled modules for the runtime do not load here.
    """

    python: Path
    cache: Path
    volumes: Path
    isolation: Isolation
    foreign: bool = False


@dataclass
class Launched:
    """A started process with its connections to the host; ``api`` is the bound socket of what it may ask the host."""

    process: asyncio.subprocess.Process
    socket_path: str
    terminal: int
    api: socket.socket
    folder: Path
    memory: MemoryGroup | None

    def clear(self) -> None:
        """Give back what the process used; it must have ended."""
        with contextlib.suppress(OSError):
            os.close(self.terminal)
        self.api.close()
        if self.memory:
            self.memory.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


async def launch(
    spec: ProgramSpec, place: Place, limits: Limits, plan_of: PlanOf | None = None, **more: Any
) -> Launched:
    """Start a machine's process; it listens on its socket from the first moment.

    Args:
        spec: The program.
        place: Where it runs.
        limits: Times and sizes.
        plan_of: Makes the boot plan, given its folder, when it is not the usual one; then this very Python boots it.
        more: Further entries of the plan.

    Raises:
        GuestError: The program's volumes or images cannot be used here.
    """
    folder = leftovers.new_folder()
    memory = MemoryGroup.create(folder.name, spec.memory)
    try:
        plan = await asyncio.to_thread(plan_of or boot_plan, spec, place, limits, folder)
        plan.update(more, memory_group=str(memory.procs) if memory else None)
        plan["memory_bytes"] = None if memory else spec.memory * 1024**2
        return await _spawn(plan, Path(sys.executable) if plan_of else place.python, folder, memory)
    except BaseException:
        if memory:
            memory.remove()
        shutil.rmtree(folder, ignore_errors=True)
        raise


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
        "fresh": ["/tmp", "/root", "/opt/code", "/opt/packages", "/data"],  # noqa: S108 - in the namespace
        "mounts": [library, api, *mounts],
    }
    return {
        "walls": walls,
        "guest_api": GUEST_API,
        "path": ["/root", LIBRARIES_ROOT],  # the init stands in the first
        "argv0": "/root/init1.py",
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


async def _spawn(plan: dict[str, Any], python: Path, folder: Path, memory: MemoryGroup | None) -> Launched:
    socket_path = str(folder / "guest")
    listener = socket.socket(socket.AF_UNIX)
    api = socket.socket(socket.AF_UNIX)
    terminal, screen = _terminal()
    try:
        listener.bind(socket_path)
        listener.listen(128)
        api.bind(plan["api_socket"])
        plan_file = folder / "plan.json"
        plan_file.write_text(json.dumps(plan))
        source = _START.format(parent=str(INSIDE), plan=str(plan_file), fd=listener.fileno())
        process = await asyncio.create_subprocess_exec(
            str(python),
            *("-OO", "-S", *(("-X", "importtime") if plan.get("measure") else ())),
            *("-c", source),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=screen,
            stderr=screen,
            pass_fds=(listener.fileno(),),
            env=_environment(plan),
            cwd="/",
            start_new_session=True,
        )
    except BaseException:
        os.close(terminal)
        api.close()
        raise
    finally:
        listener.close()
        os.close(screen)
    return Launched(process, socket_path, terminal, api, folder, memory)


def _environment(plan: dict[str, Any]) -> dict[str, str]:
    """Return the guest's environment: nothing of the developer's own reaches the program."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {
        "PATH": _GUEST_PATH,
        "HOME": "/",
        "TERM": "linux",
        "PYTHONPATH": (plan.get("path") or [LIBRARIES_ROOT])[-1],
        **kept,
    }


def _terminal() -> tuple[int, int]:
    """Open a terminal for the machine's console, as the VM has one, that leaves line ends alone."""
    import termios  # not on Windows, where the error that says so must be reached

    terminal, screen = os.openpty()
    attributes = termios.tcgetattr(screen)
    attributes[1] &= ~termios.OPOST
    attributes[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
    termios.tcsetattr(screen, termios.TCSANOW, attributes)
    os.set_blocking(terminal, False)
    return terminal, screen
