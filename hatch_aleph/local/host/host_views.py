"""What a host tells of itself and its programs, and what their owners may do: lists, logs, stops.

Source: ``views/__init__.py`` and ``views/operator.py`` in aleph-im/aleph-vm.
"""

from __future__ import annotations

import hmac
import json
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from aiohttp import web

from hatch_aleph import __version__
from hatch_aleph.commands import typed
from hatch_aleph.local.host.authentication import Asked, UnauthenticatedError, sender_of
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from hatch_aleph.local.host.execution import Execution
    from hatch_aleph.local.host.execution_pool import Pool
    from hatch_aleph.local.host.request_log import RequestLog

_ALL_SITES = {"Access-Control-Allow-Origin": "*"}  # cors_allow_all


class HostViews:
    """Handlers over a pool."""

    def __init__(self, pool: Pool, requests: RequestLog, page_token: str) -> None:
        self._pool = pool
        self._requests = requests
        self._page_token = page_token

    def attach(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/control/machine/{ref}/logs", self.logs)
        app.router.add_post("/control/machine/{ref}/stop", self.stop)
        app.router.add_get("/local/logs/{ref}.json", self.logs_here)
        app.router.add_get("/local/requests/{ref}.json", self.requests_here)
        app.router.add_get("/local/programs.json", self.programs_here)
        app.router.add_get("/about/executions/list", self.executions)
        app.router.add_get("/v2/about/executions/list", self.executions_v2)
        app.router.add_get("/status/check/version", self.version)

    def _check_owner(self, request: web.Request, owner: str | None, unknown: str) -> None:
        """Refuse who is not the program's owner, or asks for a program that is not known here.

        Raises:
            web.HTTPException: The answer.
        """
        try:
            sender = sender_of(request.headers, Asked(request.method, request.path, request.url.host or ""))
        except UnauthenticatedError as error:
            kind = web.HTTPUnauthorized if error.status == web.HTTPUnauthorized.status_code else web.HTTPBadRequest
            raise _refusal(kind, error.reason) from error
        if owner is None:
            raise _refusal(web.HTTPNotFound, unknown)
        if sender.lower() != owner.lower():
            raise web.HTTPForbidden(text="Unauthorized sender")

    async def logs(self, request: web.Request) -> web.Response:
        """Answer its owner what a program has printed in all its starts, oldest first, also when it has stopped."""
        ref = request.match_info["ref"]
        record = self._pool.records.get(ref)
        self._check_owner(request, record.owner if record else None, "No execution found for this VM")
        identifier = f"vm-{ref}-stdout"
        lines = [
            {
                "SYSLOG_IDENTIFIER": identifier,
                "MESSAGE": line.text,
                "file": "stdout",
                "__REALTIME_TIMESTAMP": str(datetime.fromtimestamp(line.at, tz=timezone.utc)),
            }
            for line in (record.console.lines if record else ())
        ]
        return web.json_response(lines)

    async def stop(self, request: web.Request) -> web.Response:
        """Stop a program for its owner (operate_stop); a request, or the scheduler, starts it again."""
        ref = request.match_info["ref"]
        execution = self._pool.executions.get(ref)
        owner = execution.machine.spec.owner if execution and execution.machine else None
        self._check_owner(request, owner, f"No virtual machine with ref {ref}")
        if await self._pool.stop(ref, "its owner asked for it"):
            return web.Response(text=f"Stopped VM with ref {ref}")
        return web.Response(text="Already stopped, nothing to do")

    async def logs_here(self, request: web.Request) -> web.Response:
        """Answer the node's page what a program printed, oldest first; with ``after`` only what came since then."""
        self._check_page(request)
        record = self._pool.records.get(request.match_info["ref"])
        if record is None:
            raise _refusal(web.HTTPNotFound, "It has not been started here")
        after = request.query.get("after", "")
        since = float(after) if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", after) else 0.0
        lines = [{"at": line.at, "text": printable(line.text, keep="\t")} for line in record.console.since(since)]
        return web.json_response(lines)

    async def requests_here(self, request: web.Request) -> web.Response:
        """Answer the node's page what a program was asked, the newest first."""
        self._check_page(request)
        return web.json_response(self._requests.to_json(request.match_info["ref"]))

    async def programs_here(self, request: web.Request) -> web.Response:
        """Answer the node's page how programs are, as this host has observed it."""
        self._check_page(request)
        known = {ref: self._state(ref) for ref in {**self._requests.programs, **self._pool.executions}}
        return web.json_response(known)

    def _state(self, ref: str) -> dict[str, Any]:
        execution, asked = self._pool.executions.get(ref), self._requests.of(ref)
        started = execution.times.started_at if execution else None
        state, cause = "asleep", ""
        if execution and execution.is_stopping:
            state = "stopping"
        elif execution and execution.is_started:
            state = "answering"
        elif asked.trouble:
            state, cause = "not starting", asked.trouble
        elif execution and execution.times.stopped_at is None:
            state = "starting"
        return {
            "state": state,
            "cause": cause,
            "started": started.timestamp() if started else None,
            "start_seconds": execution.machine.start_seconds if execution and execution.machine else None,
            "requests": asked.count,
            "failed": asked.failed,
        }

    def _check_page(self, request: web.Request) -> None:
        """Refuse who does not know the page's address: programs can ask here as well."""
        if not hmac.compare_digest(request.headers.get("X-Page-Token", "").encode(), self._page_token.encode()):
            text = f"Open the page at the address that {typed('node')} has printed: no program may read another's."
            raise _refusal(web.HTTPForbidden, text)

    async def executions(self, _request: web.Request) -> web.Response:
        """List what runs, as older hosts do."""
        running = {h: _listed(each, {}) for h, each in self._pool.executions.items() if each.is_running}
        return web.json_response(running, headers=_ALL_SITES)

    async def executions_v2(self, _request: web.Request) -> web.Response:
        """List what the host knows, with its times: also what starts, what stops, and what has crashed."""
        known = {
            item_hash: _listed(each, {"status": each.times.as_listed(), "running": each.is_running})
            for item_hash, each in self._pool.executions.items()
        }
        return web.json_response(known, headers=_ALL_SITES)

    async def version(self, _request: web.Request) -> web.Response:
        """Answer this tool's version."""
        return web.Response(text=__version__)


def _refusal(kind: type[web.HTTPException], error: str) -> web.HTTPException:
    return kind(text=json.dumps({"error": error}), content_type="application/json")


def _listed(execution: Execution, more: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of a list. There is no network interface of a machine's own to tell of."""
    persistent = execution.machine.spec.persistent if execution.machine else execution.persistent
    kind = "persistent_program" if persistent else "microvm"
    return {"networking": {}, **more, "vm_type": kind, "awaiting_confidential_init": False}
