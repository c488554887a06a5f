"""Report what the runtime around this module holds. Runs inside the guest, bare: standard library only, Python 3.9.

It is published on the runtime to be checked, as the one module of a code image, and asked once.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

# What the init has loaded before its program is what a program cannot vendor. The imports above add nothing to it: they
# are the standard library's, and only modules of installed distributions are reported.
_LOADED = {name.partition(".")[0] for name in list(sys.modules)}

_TOOLS = {
    "nodejs": ["node", "--version"],
    "npm": ["npm", "--version"],
    "deno": ["deno", "--version"],
    "rust": ["rustc", "--version"],
    "go": ["go", "version"],
    "java": ["java", "-version"],
    "gcc": ["gcc", "--version"],
    "git": ["git", "--version"],
    "docker": ["docker", "--version"],
}
_TOOL_SECONDS = 5
# A local host without the runtime's image runs this machine's own Python in its place: commands and release are the
# developer's, and nobody else's business.
_STANDS_IN = "aleph_host_inside" in sys.modules


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer every request with the report; complete every lifespan event."""
    if scope["type"] == "lifespan":
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        return
    await receive()
    body = json.dumps(report()).encode()
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [[b"content-type", b"application/json"], [b"content-length", str(len(body)).encode()]],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})


def report() -> dict[str, Any]:
    """Return the facts; what cannot be found out is None or missing."""
    installed, homes = _distributions()
    return {
        "image": not _STANDS_IN,
        "distribution": None if _STANDS_IN else _distribution(),
        "kernel": None if _STANDS_IN else platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "glibc": _glibc(),
        "init": os.environ.get("ALEPH_INIT_VERSION"),
        "optimize": sys.flags.optimize,
        "bytecode": None if _STANDS_IN else _bytecode(),
        "path": [entry for entry in sys.path if entry],
        "preloaded": {name: homes[name] for name in sorted(_LOADED) if name in homes},
        "installed": installed,
        "tools": {} if _STANDS_IN else _tools(),
    }


def _distribution() -> str | None:
    for file in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            text = Path(file).read_text(encoding="utf-8")
        except OSError:
            continue
        found = re.search(r'^PRETTY_NAME="?([^"\n]*)"?$', text, re.MULTILINE)
        if found:
            return found.group(1)
    return None


def _glibc() -> str | None:
    try:
        told = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        return None
    return told.rpartition(" ")[2] if told else None


def _bytecode() -> list[str]:
    """Return the kinds of bytecode that the standard library has; without any, each start compiles what it imports."""
    kinds = {"plain": "", "-OO": "2"}
    return [kind for kind, level in kinds.items() if Path(cache_from_source(os.__file__, optimization=level)).exists()]


def _distributions() -> tuple[dict[str, str], dict[str, str]]:
    """Return versions by distribution, and by top-level module."""
    installed: dict[str, str] = {}
    homes: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if not name or name in installed:
            continue
        installed[name] = distribution.version
        for module in _modules_of(distribution, name):
            homes.setdefault(module, distribution.version)
    return dict(sorted(installed.items())), homes


def _modules_of(distribution: importlib.metadata.Distribution, name: str) -> set[str]:
    listed = (distribution.read_text("top_level.txt") or "").split()
    if listed:
        return set(listed)
    tops = {Path(str(file)).parts[0] for file in distribution.files or []}
    modules = {top.partition(".")[0] for top in tops if top.isidentifier() or top.endswith((".py", ".so"))}
    return modules or {name.replace("-", "_")}


def _tools() -> dict[str, str]:
    found = {}
    for name, command in _TOOLS.items():
        if shutil.which(command[0]) is None:
            continue
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_TOOL_SECONDS, check=False
            )
        except (OSError, subprocess.SubprocessError):
            continue
        lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
        if done.returncode == 0 and lines:
            found[name] = lines[0]
    return found
