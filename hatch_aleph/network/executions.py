"""What hosts and the scheduler tell everybody: which programs run where, and since when. Asking starts nothing.

Source: ``src/aleph/vm/orchestrator/views/__init__.py`` in aleph-im/aleph-vm for the lists, ``scheduler.rs`` in
aleph-im/aleph-rs for the scheduler that runs today; the older one answers at ``/api/v0/allocation``.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

from hatch_aleph.defaults import SCHEDULER
from hatch_aleph.errors import NetworkError
from hatch_aleph.waiting import Backoff, Waiter

from .http import Connections, NoAnswerError, Timeouts

_LISTS = ("/v2/about/executions/list", "/about/executions/list")
_SECONDS = 15.0
_RESTART, _LOOKS = 40.0, Backoff(0.2, 3.0)  # as long as a client waits for a node that was there (nodes.py)
_MAX_LIST = 16 * 1024**2  # bytes: a busy host lists some thousand programs


class Execution(NamedTuple):
    """A program on a host.

    Attributes:
        running: Whether it is up.
        began: When the host took it up, in the host's words: another time is another start. None on older hosts.
        stopping: Whether its stop has begun.
        kind: ``microvm`` or ``persistent_program``; None on older hosts.
    """

    running: bool
    began: str | None = None
    stopping: bool = False
    kind: str | None = None


def executions(host: str) -> dict[str, Execution] | None:
    """Return what a host runs, by item hash; None when no host answers at this address."""
    try:
        return _listed(host)
    except NoAnswerError:
        return None


def is_host(node: str, waiter: Waiter = Waiter(), seconds: float = _RESTART) -> bool:  # noqa: B008 - immutable
    """Tell whether a node is a host as well. One that does not answer may be restarting, and is waited for.

    Raises:
        NetworkError: It does not come back: then nothing is known, least of all that another host is meant.
    """
    silent: list[NoAnswerError] = []

    def look(_left: float) -> bool | None:
        try:
            return _listed(node) is not None
        except NoAnswerError as error:
            silent[:] = [error]
            return None

    found = waiter.poll(look, seconds, _LOOKS)
    if found is None:
        raise NetworkError(f"The node {silent[0].reason}", where=node)
    return found


def _listed(host: str) -> dict[str, Execution] | None:
    connections = Connections()
    for path in _LISTS:
        found = _asked(connections, host.rstrip("/") + path)
        if found is not None and all(isinstance(each, dict) for each in found.values()):
            return {item_hash: _execution(each) for item_hash, each in found.items()}
    return None


def _execution(entry: dict[str, Any]) -> Execution:
    status = entry.get("status")
    times = status if isinstance(status, dict) else {}
    began = times.get("defined_at")
    kind = entry.get("vm_type")
    return Execution(
        running=bool(entry.get("running", True)),
        began=str(began) if began else None,
        stopping=bool(times.get("stopping_at")),
        kind=str(kind) if kind else None,
    )


class Allocation(NamedTuple):
    """Where the scheduler has a persistent program: the host's URL, when it has chosen one, and the status it tells."""

    host: str | None
    status: str


def allocation(item_hash: str, *, scheduler: str = SCHEDULER) -> Allocation:
    """Ask the scheduler for a persistent program.

    Raises:
        NetworkError: It cannot be asked.
    """
    connections, scheduler = Connections(), scheduler.rstrip("/")
    try:
        found = _asked(connections, f"{scheduler}/api/v1/vms/{item_hash}")
        if found is not None and "allocated_node" in found:
            node = found.get("allocated_node")
            told = (
                _asked(connections, f"{scheduler}/api/v1/nodes/{quote(node, safe='')}")
                if isinstance(node, str) and node
                else None
            )
            return Allocation(_url((told or {}).get("address")), str(found.get("status") or "unknown"))
        found = _asked(connections, f"{scheduler}/api/v0/allocation/{item_hash}")
    except NoAnswerError as error:
        raise NetworkError(
            f"The scheduler {error.reason}", where=scheduler, hint="Name the host: --domain URL, or --host-url URL"
        ) from None
    node = (found or {}).get("node")
    host = _url(node.get("url")) if isinstance(node, dict) else None
    return Allocation(host, "unknown" if host is None else "scheduled")


def _url(address: object) -> str | None:
    if not isinstance(address, str) or not address:
        return None
    return address.rstrip("/") if "://" in address else f"https://{address.rstrip('/')}"


def _asked(connections: Connections, url: str) -> dict[str, Any] | None:
    reply = connections.send("GET", url, limit=_MAX_LIST, timeout=Timeouts(read=_SECONDS, connect=_SECONDS))
    found = reply.json_or_none() if reply.status == 200 else None  # noqa: PLR2004 - HTTP
    return found if isinstance(found, dict) else None
