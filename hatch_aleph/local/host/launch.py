"""Starts the process of a machine: its terminal, its sockets, its bound on memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hatch_aleph.files import is_own
from hatch_aleph.local.host.aleph_host_inside import LIBRARIES_ROOT
from hatch_aleph.local.host.boot_plan import boot_plan
from hatch_aleph.local.host.memory import MemoryGroup
from hatch_aleph.local.host.places import INSIDE, Place
from hatch_aleph.local.host.spec import Limits, ProgramSpec

_START = "import sys; sys.path.insert(0, {parent!r}); from aleph_host_inside.startup import main; main({plan!r}, {fd})"
_GUEST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PREFIX = "hatch-aleph-vm-"
_OWNER = "owner"


PlanOf = Callable[[ProgramSpec, Place, Limits, Path], dict[str, Any]]


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
    spec: ProgramSpec,
    place: Place,
    limits: Limits,
    plan_of: PlanOf | None = None,
    *,
    folder: Path | None = None,
    **more: Any,
) -> Launched:
    """Start a machine's process; it listens on its socket from the first moment.

    Args:
        spec: The program.
        place: Where it runs.
        limits: Times and sizes.
        plan_of: Makes the boot plan, given its folder, when it is not the usual one; then this very Python boots it.
        folder: For its files, instead of a new one; what is in it goes first (prepare_jailer).
        more: Further entries of the plan.

    Raises:
        GuestError: The program's volumes or images cannot be used here.
    """
    if folder is None:
        folder, group = new_folder(), ""
    else:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        group = f"{folder.parent.name}-{folder.name}-{os.urandom(3).hex()}"
    memory = MemoryGroup.create(group or folder.name, spec.memory)
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


def new_folder() -> Path:
    """Return a new folder for one machine, marked as this process's, after clearing those of processes that ended."""
    _sweep_once()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    (folder / _OWNER).write_text(str(os.getpid()))
    return folder


@cache
def _sweep_once() -> None:
    sweep_stale_machines(Path(tempfile.gettempdir()))


def sweep_stale_machines(parent: Path) -> None:
    """Remove the machines' folders and control groups whose host is gone; the kernel has ended the machines with it."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            if not is_own(folder):
                continue
            owner = int((folder / _OWNER).read_text())
        except (OSError, ValueError):
            continue  # being made just now
        if not _lives(owner):
            for group in MemoryGroup.all_of(folder.name):
                group.remove()
            shutil.rmtree(folder, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
