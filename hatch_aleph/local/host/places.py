"""Where programs run on this machine, and what a developer should know about it."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_aleph import runtimes
from hatch_aleph.errors import GuestError
from hatch_aleph.local.host import interpreters, isolation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
    isolation: isolation.Isolation
    foreign: bool = False


def place_here(
    version: str,
    *,
    cache: Path,
    volumes: Path,
    python: Path | None = None,
    walls: isolation.Isolation | None = None,
    notice: Callable[[str], None] = lambda _line: None,
) -> Place:
    """Return where programs of a Python minor version run on this machine, telling what differs from the guest.

    Raises:
        GuestError: There is no such interpreter, or no way to run programs here.
    """
    if sys.platform == "win32":
        raise GuestError(
            "programs cannot be run on Windows itself",
            where="local host",
            hint="Use the Windows subsystem for Linux",
        )
    found = walls if walls is not None else isolation.probe()
    if not found.walls:
        notice(
            "no namespaces here: the program sees this machine's files, and its images lie in the cache instead of "
            "/opt/code and /opt/packages"
        )
    foreign = not is_runtimes_platform()
    if foreign:
        notice(
            f"this is not the runtime's platform: the same distributions are installed for {sys.platform} on "
            f"{platform.machine()}, and what they do may differ"
        )
    return Place(interpreters.find(version, python), cache, volumes, found, foreign)


def is_runtimes_platform(runtime: runtimes.Runtime = runtimes.DEFAULT) -> bool:
    """Tell whether compiled modules for the runtime load on this machine."""
    return sys.platform.startswith("linux") and platform.machine() == runtime.architecture
