"""Starts the process of a machine: its terminal, its sockets, its bound on memory.

It boots in two parts: the sandbox and the modules of the init, which are the same for every program, then what its
program needs. A guest may have done the first part before there is a program.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hatch_aleph.files import is_own, process_lives
from hatch_aleph.local.host.aleph_host_inside import BASE, LIBRARIES_ROOT, PLAN
from hatch_aleph.local.host.boot_plan import base_plan, boot_plan
from hatch_aleph.local.host.memory import MemoryGroup
from hatch_aleph.local.host.places import INSIDE, Place
from hatch_aleph.local.host.spec import Limits, ProgramSpec

_START = (
    "import sys; sys.path.insert(0, {parent!r}); from aleph_host_inside.startup import main; main({folder!r}, {fds})"
)
_GUEST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PREFIX = "hatch-aleph-vm-"
_OWNER = "owner"
_SOCKET, _UNHEARD = "guest", "early"  # as long as the other: a socket's path has at most 104 bytes
_WAITING_MEBIBYTES = 128  # of a guest without a program: as little as programs have


PlanOf = Callable[[ProgramSpec, Place, Limits, Path], dict[str, Any]]


@dataclass
class Launched:
    """A started process with its connections to the host.

    Attributes:
        process: The guest.
        socket_path: Where it listens, from ``listen`` on.
        terminal: Its console.
        api: The bound socket of what it may ask the host.
        control: It says here when it waits for its program's plan, and is told when that is there.
        folder: Its files.
        memory: Its bound on memory, where the host can set one.
    """

    process: subprocess.Popen[bytes]
    socket_path: str
    terminal: int
    api: socket.socket
    control: socket.socket
    folder: Path
    memory: MemoryGroup | None

    def waits(self) -> bool:
        """Wait until it has booted so far that its program may come; False when it has ended instead."""
        return self.control.recv(1) != b""

    def listen(self) -> bool:
        """Let it be reached from now on; False when its folder is gone."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / _UNHEARD).rename(self.socket_path)
            return True
        return False

    def give(self, plan: dict[str, Any], mebibytes: int) -> None:
        """Tell it what its program needs, within how much memory."""
        if self.memory:
            self.memory.limit(mebibytes)
        plan["memory_bytes"] = _bound(self.memory, mebibytes)
        with contextlib.suppress(FileNotFoundError):  # the end of an older machine took its folder: see Machine
            (self.folder / PLAN).write_text(json.dumps(plan))
        with contextlib.suppress(OSError):  # it has ended, which whoever speaks to it next is told
            self.control.sendall(b"1")

    async def ended(self) -> int:
        """Wait until the process has ended; returns its exit code."""
        pause = 0.001
        while (code := self.process.poll()) is None:
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.05)
        return code

    def kill(self) -> None:
        """End the process and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def discard(self) -> None:
        """End it and give back what it used."""
        self.kill()
        self.process.wait()
        self.clear()

    def clear(self) -> None:
        """Give back what the process used; it must have ended."""
        with contextlib.suppress(OSError):
            os.close(self.terminal)
        self.api.close()
        self.control.close()
        _give_back(self.folder, self.memory)


async def launch(
    spec: ProgramSpec,
    place: Place,
    limits: Limits,
    plan_of: PlanOf | None = None,
    *,
    folder: Path | None = None,
    booted: Launched | None = None,
    **more: Any,
) -> Launched:
    """Start a machine's process; whoever connects once it may ``listen`` is heard when it has come that far.

    Args:
        spec: The program.
        place: Where it runs.
        limits: Times and sizes.
        plan_of: Makes the whole boot plan, given its folder, when it is not the usual one; this very Python boots it.
        folder: For its files, instead of a new one; what is in it goes first (prepare_jailer).
        booted: A guest of this place and Python that waits for a program.
        more: Further entries of the plan.

    Raises:
        GuestError: The program's volumes or images cannot be used here.
    """
    launched = booted
    try:
        if launched is None:
            folder, group = _folder_for(folder)
            memory = MemoryGroup.create(group, spec.memory)
            try:
                if plan_of:
                    whole = await asyncio.to_thread(plan_of, spec, place, limits, folder)
                    whole["memory_bytes"] = _bound(memory, spec.memory)
                    return _spawn(whole | more, Path(sys.executable), folder, memory)
                base = await asyncio.to_thread(base_plan, place, spec.python, folder)
                launched = _spawn(base | more, place.python, folder, memory)
            except BaseException:
                _give_back(folder, memory)
                raise
        plan = await asyncio.to_thread(boot_plan, spec, place, limits, launched.folder)
        launched.give(plan | more, spec.memory)
    except BaseException:
        if launched:
            launched.discard()
        raise
    return launched


def boot(place: Place, version: str) -> Launched:
    """Start a guest that waits for a program of a Python minor version.

    Raises:
        GuestError: The modules of the init cannot be installed.
    """
    folder, group = _folder_for(None)
    memory = MemoryGroup.create(group, _WAITING_MEBIBYTES)
    try:
        return _spawn(base_plan(place, version, folder), place.python, folder, memory)
    except BaseException:
        _give_back(folder, memory)
        raise


def _folder_for(folder: Path | None) -> tuple[Path, str]:
    """Return a machine's empty folder, and the name of its control group."""
    if folder is None:
        folder = new_folder()
        return folder, folder.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder, f"{folder.parent.name}-{folder.name}-{os.urandom(3).hex()}"


def _bound(memory: MemoryGroup | None, mebibytes: int) -> int | None:
    """Return the bytes that the process is to bound itself to, where no control group does."""
    return None if memory else mebibytes * 1024**2


def _give_back(folder: Path, memory: MemoryGroup | None) -> None:
    if memory:
        memory.remove()
    shutil.rmtree(folder, ignore_errors=True)


def _spawn(base: dict[str, Any], python: Path, folder: Path, memory: MemoryGroup | None) -> Launched:
    """Start the process. It is the caller's thread whose end ends it too."""
    base["memory_group"] = str(memory.procs) if memory else None
    (folder / BASE).write_text(json.dumps(base))
    socket_path = str(folder / _SOCKET)
    listener = socket.socket(socket.AF_UNIX)
    api = socket.socket(socket.AF_UNIX)
    ours, guests = socket.socketpair()
    terminal, screen = _terminal()
    try:
        listener.bind(str(folder / _UNHEARD))
        listener.listen(128)
        api.bind(base["api_socket"])
        fds = (listener.fileno(), guests.fileno())
        process = subprocess.Popen(
            [
                str(python),
                *("-OO", "-S", *(("-X", "importtime") if base.get("measure") else ())),
                *("-c", _START.format(parent=str(INSIDE), folder=str(folder), fds=f"{fds[0]}, {fds[1]}")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=screen,
            stderr=screen,
            pass_fds=fds,
            env=_environment(base),
            cwd="/",
            start_new_session=True,
        )
    except BaseException:
        os.close(terminal)
        api.close()
        ours.close()
        raise
    finally:
        listener.close()
        guests.close()
        os.close(screen)
    return Launched(process, socket_path, terminal, api, ours, folder, memory)


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
    _sweep_once(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    (folder / _OWNER).write_text(str(os.getpid()))
    return folder


def sweep_stale_machines(parent: Path) -> None:
    """Remove the machines' folders and control groups whose host is gone; the kernel has ended the machines with it."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            if not is_own(folder):
                continue
            owner = int((folder / _OWNER).read_text())
        except (OSError, ValueError):
            continue  # being made just now
        if not process_lives(owner):
            for group in MemoryGroup.all_of(folder.name):
                group.remove()
            shutil.rmtree(folder, ignore_errors=True)


_sweep_once = cache(sweep_stale_machines)
