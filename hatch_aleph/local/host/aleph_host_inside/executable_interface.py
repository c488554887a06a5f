"""The guest's executable interface: a child process that listens on port 8080, and a proxy in front of it.

Source: setup_code_executable, run_executable_http and make_request in ``init1.py`` of aleph-im/aleph-vm.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
from pathlib import Path
from typing import Any

import aiohttp

from .asgi_interface import unzip

log = logging.getLogger("__main__")

PORT = 8080
# The request is sent again, body and all, until the child answers: whatever it does is done as often.
ATTEMPTS = 60
PAUSE_GROWTH = 0.05


def start(configuration: dict[str, Any], plan: dict[str, Any]) -> ExecutableProgram:
    """Make the entry point executable and start it; nobody waits for its port.

    On squashfs code the ``chmod`` fails, as the volume is read-only: such a program never starts.

    Raises:
        FileNotFoundError: The code has no such file.
        subprocess.CalledProcessError: The file cannot be made executable.
    """
    root = Path(plan["code_root"])
    path = root / configuration["entrypoint"]
    if configuration["encoding"] == "zip":
        unzip(configuration["code"], str(root), keep_as=str(root.parent / "archive.zip"))
    elif configuration["encoding"] == "plain":
        root.mkdir(parents=True, exist_ok=True)
        path.write_bytes(configuration["code"])
    if not path.is_file():
        raise FileNotFoundError(f"No such file: {path}")
    subprocess.run(["chmod", "+x", str(path)], check=True)
    return ExecutableProgram(subprocess.Popen(str(path)), plan["proxy_seconds"])


class ExecutableProgram:
    """A started process. When it ends it is not started again."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process = process
        self._seconds = seconds

    async def run(self, scope: dict[str, Any]) -> dict[str, Any]:
        """Proxy one request: redirects are followed here, escapes are escaped again, each try is cut after a time."""
        timeout = aiohttp.ClientTimeout(total=self._seconds)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    return await _proxy(session, scope)
                except aiohttp.ClientError:  # noqa: PERF203 - each try waits for the network
                    await asyncio.sleep(attempt * PAUSE_GROWTH if attempt < ATTEMPTS else 0)
        return _loading()

    async def halt(self) -> None:
        """Tell the process to end."""
        self._process.terminate()


async def _proxy(session: aiohttp.ClientSession, scope: dict[str, Any]) -> dict[str, Any]:
    headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
    url = f"http://localhost:{PORT}{scope['path']}"
    async with session.request(
        scope["method"], url, params=scope["query_string"], headers=headers, data=scope.get("body")
    ) as answer:
        head = {"headers": [(k.encode(), v.encode()) for k, v in answer.headers.items()], "status": answer.status}
        return {"headers": head, "body": {"body": await answer.content.read()}}


def _loading() -> dict[str, Any]:
    """Answer that the child is not reachable, with the status of the init's loading page."""
    page = "<!doctype html><title>Loading</title><p>The program does not listen on port 8080 yet.</p>"
    head = {"status": 503, "headers": [(b"Content-Type", b"text/html")]}
    return {"headers": head, "body": {"body": page}}
