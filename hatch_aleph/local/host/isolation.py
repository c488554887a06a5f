"""What this machine allows for walls around a program, found out once by trying."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TRY = """
import sys, json
sys.path.insert(0, {parent!r})
from aleph_host_inside import walls
walls.enter(json.loads({plan!r}))
"""
INSIDE = Path(__file__).parent


@dataclass(frozen=True)
class Isolation:
    """The means that work here.

    Attributes:
        walls: Mount, process and host name namespaces: real paths, processes that end with the machine.
        user: The namespaces need a user namespace, as this process is not root.
        kernel_images: The kernel mounts squashfs images, so that none needs unpacking.
    """

    walls: bool
    user: bool = False
    kernel_images: bool = False


NONE = Isolation(walls=False)


@cache
def probe() -> Isolation:
    """Try the namespaces with this interpreter and return what works."""
    if not sys.platform.startswith("linux"):
        return NONE
    root = os.geteuid() == 0
    if not _works(user=not root):
        return NONE
    return Isolation(walls=True, user=not root, kernel_images=root and _kernel_reads_images())


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
