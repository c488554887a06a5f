"""Pages about the host itself: logs, what runs, what version this is.

Source: ``views/__init__.py`` and ``views/operator.py`` in aleph-im/aleph-vm.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from aiohttp import web

from hatch_aleph import __version__
from hatch_aleph.local.host.authentication import Asked, UnauthenticatedError, sender_of

if TYPE_CHECKING:
    from hatch_aleph.local.host.pool import Pool


class HostViews:
    """Handlers over a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def attach(self, app: web.Application) -> None:
        """Add the pages' routes."""
        app.router.add_get("/control/machine/{ref}/logs", self.logs)
        app.router.add_get("/local/logs/{ref}.json", self.logs_here)
        app.router.add_get("/about/executions/list", self.executions)
        app.router.add_get("/status/check/version", self.version)

    async def logs(self, request: web.Request) -> web.Response:
        """Answer its owner what a program printed, oldest first; also of one that has stopped or did not start."""
        ref = request.match_info["ref"]
        asked = Asked(request.method, request.path, request.url.host or "")
        try:
            sender = sender_of(request.headers, asked)
        except UnauthenticatedError as error:
            return web.json_response({"error": error.reason}, status=error.status)
        record = self._pool.records.get(ref)
        if record is None:
            return web.json_response({"error": "No execution found for this VM"}, status=404)
        if sender.lower() != record.owner.lower():
            return web.Response(status=403, text="Unauthorized sender")
        identifier = f"vm-{ref}-stdout"
        lines = [
            {
                "SYSLOG_IDENTIFIER": identifier,
                "MESSAGE": line.text,
                "file": "stdout",
                "__REALTIME_TIMESTAMP": str(datetime.fromtimestamp(line.at, tz=timezone.utc)),
            }
            for line in record.console.lines
        ]
        return web.json_response(lines)

    async def logs_here(self, request: web.Request) -> web.Response:
        """Answer whoever is on this machine, such as the node's page, what a program printed, oldest first."""
        record = self._pool.records.get(request.match_info["ref"])
        if record is None:
            return web.json_response({"error": "It has not been started here"}, status=404)
        return web.json_response([line.text for line in record.console.lines])

    async def executions(self, _request: web.Request) -> web.Response:
        """Answer the programs that run."""
        running = {
            item_hash: {"networking": {}, "vm_type": "microvm", "awaiting_confidential_init": False}
            for item_hash in self._pool.machines
        }
        return web.json_response(running)

    async def version(self, _request: web.Request) -> web.Response:
        """Answer this tool's version."""
        return web.Response(text=__version__)
