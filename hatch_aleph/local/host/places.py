"""Where programs run on this machine: interpreter, isolation, and what differs from the guest."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph import interpreters, runtimes
from hatch_aleph.errors import GuestError

if TYPE_CHECKING:
    from collections.abc import Callable

INSIDE = Path(__file__).parent
_TRY = """
import sys, json
sys.path.insert(0, {parent!r})
from aleph_host_inside import sandbox
sandbox.enter(json.loads({plan!r}))
"""


@dataclass(frozen=True)
class Isolation:
    """What this machine allows between it and a program.

    Attributes:
        sandbox: Mount, process and host name namespaces: real paths, processes that end with the machine.
        user: The namespaces need a user namespace, as this process is not root.
        kernel_images: The kernel mounts squashfs images, so that none needs unpacking.
    """

    sandbox: bool
    user: bool = False
    kernel_images: bool = False


NO_ISOLATION = Isolation(sandbox=False)


@dataclass(frozen=True)
class Place:
    """Where a machine finds its means.

    Attributes:
        python: Interpreter of the runtime's minor version.
        cache: Folder for what can be made again: unpacked images, preloaded modules.
        volumes: Folder of persistent volumes.
        isolation: What this machine allows between it and a program.
        foreign: Compiled modules for the runtime do not load here.
    """

    python: Path
    cache: Path
    volumes: Path
    isolation: Isolation
    foreign: bool = False


def place_here(
    version: str,
    *,
    cache: Path,
    volumes: Path,
    python: Path | None = None,
    isolation: Isolation | None = None,
    memory: Path | None = None,
    notice: Callable[[str], None] = lambda _line: None,
) -> Place:
    """Return where programs of a Python minor version run on this machine, and report what differs from the guest.

    Args:
        version: The runtime's minor version.
        cache: Folder for what can be made again.
        volumes: Folder of persistent volumes.
        python: An interpreter the user named.
        isolation: What this machine allows, where that is known.
        memory: A file that remembers which interpreters are here.
        notice: Is told what differs.

    Raises:
        GuestError: There is no such interpreter, or no way to run programs here.
    """
    if sys.platform == "win32":
        raise GuestError(
            "Programs do not run on Windows itself.",
            where="local host",
            hint="Use the Windows Subsystem for Linux.",
        )
    found = isolation if isolation is not None else probe()
    if not found.sandbox:
        notice(
            "No namespaces here: the program sees this machine's files, and its images lie in the cache instead of "
            "/opt/code and /opt/packages."
        )
    foreign = not is_runtimes_platform()
    if foreign:
        notice(
            f"This is not the runtime's platform: the same distributions are installed for {sys.platform} on "
            f"{platform.machine()}, and what they do may differ."
        )
    return Place(find_python(version, python, memory), cache.resolve(), volumes.resolve(), found, foreign)


def is_runtimes_platform(runtime: runtimes.Runtime = runtimes.DEFAULT) -> bool:
    """Tell whether compiled modules for the runtime load on this machine."""
    return sys.platform.startswith("linux") and platform.machine() == runtime.architecture


@cache
def find_python(version: str, chosen: Path | None = None, memory: Path | None = None) -> Path:
    """Return an interpreter of a minor version such as "3.11".

    Args:
        version: The runtime's minor version.
        chosen: An interpreter the user named; no other is looked for.
        memory: A file that remembers what was found.

    Raises:
        GuestError: None was found, or the chosen one is of another version.
    """
    found = interpreters.ask(chosen) if chosen else interpreters.find(version, memory=memory)
    if found is None and not chosen and interpreters.bring(version) is None:
        found = interpreters.find(version)
    if found is None or found.version.rpartition(".")[0] != version:
        wrong = f"{chosen} is not a CPython {version}" if chosen else f"No CPython {version} was found"
        raise GuestError(
            f"{wrong}, which is what the runtime runs.",
            where="local host",
            hint=f"Get one with `uv python install {version}`, or name one with --python.",
        )
    # What PATH has may belong to a virtual environment in a folder that is not visible in the sandbox.
    return found.base or found.path


def likely_isolation() -> Isolation:
    """Return what works on most machines like this one, untried."""
    if not sys.platform.startswith("linux"):
        return NO_ISOLATION
    root = os.geteuid() == 0
    return Isolation(sandbox=True, user=not root, kernel_images=root and _kernel_reads_images())


@cache
def probe() -> Isolation:
    """Try the namespaces with this interpreter and return what works."""
    likely = likely_isolation()
    return likely if likely.sandbox and _works(user=likely.user) else NO_ISOLATION


def _works(*, user: bool) -> bool:
    with tempfile.TemporaryDirectory(prefix="aleph-") as staging:
        plan = {"user": user, "net": True, "hostname": "probe", "staging": staging, "fresh": ["/tmp"]}  # noqa: S108 - in the namespace
        plan["mounts"] = [{"at": "/opt/code", "source": str(INSIDE), "kind": "folder", "read_only": True}]
        source = _TRY.format(parent=str(INSIDE), plan=json.dumps(plan))
        done = subprocess.run([sys.executable, "-I", "-S", "-c", source], capture_output=True, check=False)
    return done.returncode == 0


def _kernel_reads_images() -> bool:
    known = "squashfs" in Path("/proc/filesystems").read_text()
    return known and Path("/dev/loop-control").exists()
