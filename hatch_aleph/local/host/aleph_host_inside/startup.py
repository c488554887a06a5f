"""From a bare interpreter to a listening guest: sandbox, limits, path, preloaded modules, then the instructions."""

from __future__ import annotations

import json
import logging
import os
import resource
import site
import socket
import sys
from pathlib import Path
from typing import Any

LOG_FORMAT = "%(relativeCreated)4f |V %(levelname)s | %(message)s"


def main(plan_file: str, listener_fd: int) -> None:
    """Become the guest that a plan describes and serve its instructions until ``halt``.

    Args:
        plan_file: The boot plan as JSON, see ``boot_plan`` on the host's side.
        listener_fd: A listening unix socket, the stand-in of the VM's vsock port 52.
    """
    plan: dict[str, Any] = json.loads(Path(plan_file).read_text())
    if plan["memory_group"]:
        Path(plan["memory_group"]).write_text("0")
    if "image" in plan:
        from . import image_root

        _limit_memory(plan["memory_bytes"])
        image_root.enter(plan, listener_fd)
    if plan["sandbox"] is not None:
        from . import sandbox

        sandbox.enter(plan["sandbox"], closing=(listener_fd,))
    _limit_memory(plan["memory_bytes"])
    listener = socket.socket(fileno=listener_fd)
    _arrange_interpreter(plan)
    logging.basicConfig(level=logging.DEBUG, format=LOG_FORMAT, stream=sys.stderr)
    _preload()
    os.environ.update(plan["environment"])

    import asyncio

    from . import instructions

    if plan.get("measure"):
        from . import importing

        asyncio.run(importing.run(plan))
    else:
        asyncio.run(instructions.serve(listener, plan))


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
