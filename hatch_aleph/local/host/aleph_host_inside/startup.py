"""From a bare interpreter to a listening guest: sandbox, limits, path, preloaded modules, then the instructions."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import resource
import site
import socket
import sys
from pathlib import Path
from typing import Any

from . import BASE, PLAN

LOG_FORMAT = "%(relativeCreated)4f |V %(levelname)s | %(message)s"


def main(folder: str, listener_fd: int, control_fd: int) -> None:
    """Become the guest that the plans in a folder describe and serve its instructions until ``halt``.

    What no program changes comes first; then it waits until it is told that its program's plan is there.

    Args:
        folder: Of the machine, see ``boot_plan`` and ``launch`` on the host's side.
        listener_fd: A listening unix socket, the stand-in of the VM's vsock port 52.
        control_fd: A socket to the host, for the moment when the program comes.
    """
    base: dict[str, Any] = json.loads(Path(folder, BASE).read_text())
    if base["memory_group"]:
        Path(base["memory_group"]).write_text("0")
    if "image" in base:
        from . import image_root

        os.close(control_fd)
        _limit_memory(base["memory_bytes"])
        image_root.enter(base, listener_fd)
    root: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if base["sandbox"] is not None:
        from . import sandbox

        sandbox.prepare(base["sandbox"], closing=(listener_fd, control_fd))
        root = sandbox.visited(base["sandbox"])
    with root:
        _arrange_interpreter(base)
        logging.basicConfig(level=logging.DEBUG, format=LOG_FORMAT, stream=sys.stderr)
        gc.disable()  # among what is imported there is no garbage; looking for it takes a twentieth
        _preload()
        gc.enable()
    plan = _plan(folder, control_fd)
    if base["sandbox"] is not None:
        sandbox.complete(base["sandbox"] | plan["sandbox"])
        sys.path_importer_cache.clear()
    _limit_memory(plan["memory_bytes"])
    listener = socket.socket(fileno=listener_fd)
    os.environ.update(plan["environment"])

    import asyncio

    from . import instructions

    if plan.get("measure"):
        from . import importing

        asyncio.run(importing.run(plan))
    else:
        asyncio.run(instructions.serve(listener, plan))


def _plan(folder: str, control_fd: int) -> dict[str, Any]:
    """Wait for the program's plan. A host that has gone, or wants no program any more, closes the socket."""
    with socket.socket(fileno=control_fd) as control:
        control.sendall(b"1")
        if control.recv(1):
            try:
                plan: dict[str, Any] = json.loads(Path(folder, PLAN).read_text())
            except FileNotFoundError:  # its folder was deleted: such a VM neither ends nor is heard of again
                control.recv(1)
            else:
                return plan
    os._exit(0)


def _limit_memory(limit: int | None) -> None:
    """Bound private memory where the host has no cgroup for it: allocations fail beyond, as a full VM's do."""
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _arrange_interpreter(plan: dict[str, Any]) -> None:
    """Set ``sys.path`` as in the guest: init's folder, the runtime's libraries, the standard library."""
    own_folder = str(Path(__file__).resolve().parent.parent)
    standard = [entry for entry in sys.path if entry not in ("", own_folder, *plan["path"])]
    sys.path[:] = [*plan["path"], *standard]
    # Folders that the sandbox put there were not there when the interpreter looked first.
    sys.path_importer_cache.clear()
    sys.argv = [plan["argv0"]]
    # The interpreter was started without `site`, which would have added this machine's packages: what every
    # program expects of it are the builtins exit, quit, copyright and help.
    site.setquit()
    site.setcopyright()
    site.sethelper()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # the guest's console is a terminal


def _preload() -> None:
    """Import what the init imports before the program (init1.py, top of the module): these win over vendored ones."""
    import base64  # noqa: F401
    import ctypes  # noqa: F401
    import dataclasses  # noqa: F401
    import shutil  # noqa: F401
    import subprocess  # noqa: F401
    import traceback  # noqa: F401

    import aiohttp  # noqa: F401
    import msgpack  # noqa: F401
