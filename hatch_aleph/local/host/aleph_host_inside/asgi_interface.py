"""The guest's asgi interface: import the entry point, drive its lifespan, call it once per request.

Each departure from the ASGI specification is the init's own (``runtimes/aleph-debian-12-python/init1.py`` in
aleph-im/aleph-vm; the functions are named below) and is what makes most bare apps fail.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

log = logging.getLogger("__main__")  # the init's own, which programs may find and set

App = Callable[..., Any]
_LONGEST_LINE = 10_000  # characters; a terminal is no place for a megabyte


async def start(configuration: dict[str, Any], plan: dict[str, Any]) -> AsgiProgram:
    """Import the app and let it complete its start-up (setup_code_asgi)."""
    app = load(configuration, plan)
    await asyncio.wait_for(_lifespan(app, "startup"), plan["lifespan_seconds"])
    return AsgiProgram(app, plan)


def load(configuration: dict[str, Any], plan: dict[str, Any]) -> App:
    """Put the volumes first on the path, packages before code, and import the entry point (setup_code_asgi)."""
    entrypoint: str = configuration["entrypoint"]
    sys.path.insert(0, plan["packages_root"])
    if configuration["encoding"] == "plain":
        names: dict[str, Any] = {}
        exec(configuration["code"], dict(vars(sys.modules["__main__"])), names)  # noqa: S102 - the program is what this process is for
        loaded: App = names[entrypoint]
        return loaded
    if configuration["encoding"] == "zip":
        unzip(configuration["code"], plan["zip_root"])
        sys.path.insert(0, plan["zip_root"])
    else:
        sys.path.insert(0, plan["code_root"])
    return _import_entrypoint(entrypoint)


def _import_entrypoint(entrypoint: str) -> App:
    """Return what ``module:attribute`` names (_import_entrypoint).

    The attribute is one name, never dotted. A dotted module is walked from its package by attribute, so that a package
    which rebinds the name of its own submodule (``from .app import app``) hides it.
    """
    module_name, attribute = entrypoint.split(":", 1)
    found: Any = __import__(module_name)
    for name in module_name.split(".")[1:]:
        found = getattr(found, name)
    app: App = getattr(found, attribute)
    return app


def unzip(archive: bytes, folder: str, keep_as: str | None = None) -> None:
    """Unpack an archive as ``unzip -q`` does, keeping modes; the archive stays too, in the folder if not said."""
    import zipfile

    path = Path(keep_as or f"{folder}/archive.zip")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive)
    with zipfile.ZipFile(path) as opened:
        for member in opened.infolist():
            target = Path(opened.extract(member, folder))
            mode = member.external_attr >> 16 & 0o777
            if mode and not member.is_dir():
                target.chmod(mode)


async def _lifespan(app: App, event: str) -> None:
    """Call the app until it completes an event (wait_for_lifespan_event_completion).

    ``receive`` answers at once, every time, with the same event: an app that waits for shutdown next sees start-up
    again; one that returns early is called again, for ever; one that raises is not started. There is no state.
    """
    completed = False
    told: set[Any] = set()

    async def receive() -> dict[str, Any]:
        return {"type": f"lifespan.{event}"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal completed
        if message.get("type") == f"lifespan.{event}.complete":
            completed = True
        elif message.get("type") not in told:  # once: such a program is called again for ever
            told.add(message.get("type"))
            log.warning("The program answered %s with %s", event, message.get("type"))

    while not completed:
        await app(scope={"type": "lifespan"}, receive=receive, send=send)


class AsgiProgram:
    """A started app."""

    def __init__(self, app: App, plan: dict[str, Any]) -> None:
        self._app = app
        self._halt_seconds: float = plan["shutdown_seconds"]
        self._data = Path(plan["data_root"]) if plan["data_root"] else None

    async def run(self, scope: dict[str, Any]) -> dict[str, Any]:
        """Call the app once (run_python_code_http).

        The body comes whole, again at each ``receive``; there is never a disconnect. The first message sent is taken
        for the head and the second for the whole body; the answer leaves when the app returns.
        """
        body = scope.pop("body")
        kind = "http.request" if scope["type"] in ("http", "websocket") else "aleph.message"
        sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def receive() -> dict[str, Any]:
            return {"type": kind, "body": body, "more_body": False}

        await self._app(scope, receive, sent.put)
        head = await sent.get() if scope["type"] == "http" else {}
        first_body = await sent.get()
        # Formatted whole, whether anybody reads it or not; cookies and bodies stand in the program's log.
        for text in (f"Headers {head}", f"Body {first_body}"):
            log.debug(text[:_LONGEST_LINE])
        return {"headers": head, "body": first_body, "output_data": self._archive_of_data()}

    def _archive_of_data(self) -> bytes:
        """Zip ``/data`` when there is anything in it: at every request, inside the event loop."""
        if self._data is None or not self._data.is_dir() or not any(self._data.iterdir()):
            return b""
        return Path(shutil.make_archive("/opt/output", "zip", str(self._data))).read_bytes()

    async def halt(self) -> None:
        """Run the lifespan once more, for shutdown (process_instruction, ``halt``)."""
        try:
            await asyncio.wait_for(_lifespan(self._app, "shutdown"), self._halt_seconds)
        except asyncio.TimeoutError:
            log.error("The program's shutdown did not complete")  # noqa: TRY400 - there is nothing in the trace
