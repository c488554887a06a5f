"""The network's scheduler for the host on this machine: starts persistent programs, and says where they run.

The paths and their answers are those that clients ask: ``/api/v1`` as in ``crates/aleph-sdk/src/scheduler.rs`` of
aleph-im/aleph-rs, ``/api/v0/allocation`` as in ``src/aleph_client/commands/instance`` of aleph-im/aleph-client.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import TYPE_CHECKING, Any

from aiohttp import web

from hatch_aleph.errors import NetworkError
from hatch_aleph.local.host.spec import Answer, Limits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hatch_aleph.local.host.execution_pool import Pool
    from hatch_aleph.local.host.source import Source

# Message statuses after which a program is no longer to run.
OVER = frozenset({"rejected", "forgotten", "removed"})


class Scheduler:
    """Keeps the node's persistent programs running on one host.

    Args:
        pool: The host's executions.
        source: The node.
        start: Starts a persistent program; returns its machine, or the answer that says why there is none.
        limits: How often it looks, and what the host has room for.
    """

    def __init__(self, pool: Pool, source: Source, start: Callable[[str], Awaitable[Any]], limits: Limits) -> None:
        self._pool = pool
        self._source = source
        self._start = start
        self._limits = limits
        self._programs: dict[str, dict[str, Any]] = {}
        self._seen_running: set[str] = set()
        self._due = asyncio.Event()
        self.node_hash = hashlib.sha256(b"the host on this machine").hexdigest()

    def attach(self, app: web.Application) -> None:
        """Add the scheduler's routes."""
        app.router.add_get("/api/v1/vms", self.get_programs)
        app.router.add_get("/api/v1/vms/{ref}", self.get_program)
        app.router.add_get("/api/v1/nodes", self.get_nodes)
        app.router.add_get("/api/v1/nodes/{node}", self.get_node)
        app.router.add_get("/api/v0/allocation/{ref}", self.get_allocation)

    def add(self, message: dict[str, Any]) -> None:
        """Take up a PROGRAM message, if it is of a persistent program."""
        if (message["content"].get("on") or {}).get("persistent"):
            self._programs[message["item_hash"]] = message
            self.wake()

    def wake(self) -> None:
        """Look soon; a scheduler as the network's looks when it is time."""
        if not self._limits.real:
            self._due.set()

    async def run(self) -> None:
        """Start what should run and does not, for ever."""
        pause = self._limits.schedule if self._limits.real else self._limits.status_check
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._due.wait(), pause)
            self._due.clear()
            for item_hash in list(self._programs):
                await self._look_after(item_hash)

    async def _look_after(self, item_hash: str) -> None:
        try:
            status = await self._source.status(item_hash)
        except NetworkError:
            return
        if status in OVER:
            self._programs.pop(item_hash, None)  # stopping it is the host's own business
            return
        execution = self._pool.executions.get(item_hash)
        if execution and execution.machine and execution.machine.has_ended:
            await self._pool.stop(item_hash, "its process ended")
        if self._status_of(item_hash) == "unschedulable":
            return
        await self._pool.stopped(item_hash)
        if not isinstance(await self._start(item_hash), Answer):
            self._seen_running.add(item_hash)

    def _status_of(self, item_hash: str) -> str:
        execution = self._pool.executions.get(item_hash)
        if execution and execution.is_running and execution.is_started:
            return "dispatched"
        if self._needs(item_hash).get("memory", 0) > self._limits.program_memory:
            return "unschedulable"
        return "missing" if item_hash in self._seen_running else "scheduled"

    def _needs(self, item_hash: str) -> dict[str, Any]:
        return dict(self._programs[item_hash]["content"].get("resources") or {})

    def _entry(self, item_hash: str) -> dict[str, Any]:
        content, status = self._programs[item_hash]["content"], self._status_of(item_hash)
        placed = status != "unschedulable"
        return {
            "vm_hash": item_hash,
            "vm_type": "persistent_program",
            "allocated_node": self.node_hash if placed else None,
            "status": status,
            "scheduling_status": "scheduled" if placed else "unschedulable",
            "migration_target": None,
            "owner": content["address"],
            "sender": self._programs[item_hash]["sender"],
            "requirements_vcpus": self._needs(item_hash).get("vcpus", 1),
            "requirements_memory": self._needs(item_hash).get("memory", 128),
            "payment_type": (content.get("payment") or {}).get("type", "hold"),
        }

    def _node(self, request: web.Request) -> dict[str, Any]:
        url = str(request.url.origin()) + "/"
        return {"node_hash": self.node_hash, "name": "this machine", "address": url, "status": "Healthy"}

    async def get_programs(self, request: web.Request) -> web.Response:
        """List the persistent programs, by owner, sender or the beginning of their hash."""
        query, entries = request.query, [self._entry(item_hash) for item_hash in list(self._programs)]
        found = [
            entry
            for entry in entries
            if query.get("owner") in (None, entry["owner"])
            and query.get("sender") in (None, entry["sender"])
            and entry["vm_hash"].startswith(query.get("vm_hash", ""))
        ]
        return _page(request, found)

    async def get_program(self, request: web.Request) -> web.Response:
        """Tell where one persistent program runs."""
        item_hash = request.match_info["ref"]
        if item_hash not in self._programs:
            return web.json_response({"detail": "VM not found"}, status=404)
        return web.json_response(self._entry(item_hash))

    async def get_nodes(self, request: web.Request) -> web.Response:
        """List the hosts: this one."""
        return _page(request, [self._node(request)])

    async def get_node(self, request: web.Request) -> web.Response:
        """Tell the address of a host."""
        if request.match_info["node"] != self.node_hash:
            return web.json_response({"detail": "Node not found"}, status=404)
        return web.json_response(self._node(request))

    async def get_allocation(self, request: web.Request) -> web.Response:
        """Tell where one persistent program runs, as older clients ask."""
        item_hash = request.match_info["ref"]
        if item_hash not in self._programs or self._status_of(item_hash) == "unschedulable":
            return web.json_response({"detail": "VM allocation not found"}, status=404)
        node = self._node(request)
        return web.json_response(
            {
                "vm_hash": item_hash,
                "vm_type": "persistent_program",
                "vm_ipv6": None,
                "period": None,
                "node": {
                    "node_id": self.node_hash,
                    "url": node["address"],
                    "ipv6": None,
                    "supports_ipv6": False,
                },
            }
        )


def _page(request: web.Request, items: list[dict[str, Any]]) -> web.Response:
    try:
        size, page = int(request.query.get("page_size", 50)), int(request.query.get("page", 1))
    except ValueError:
        size = page = 0
    if not 1 <= size <= 200 or page < 1:  # noqa: PLR2004 - the scheduler's largest page
        return web.json_response({"detail": "page and page_size are positive numbers"}, status=422)
    pages = {"page": page, "page_size": size, "total_items": len(items), "total_pages": -(-len(items) // size)}
    return web.json_response({"items": items[(page - 1) * size : page * size], "pagination": pages})
