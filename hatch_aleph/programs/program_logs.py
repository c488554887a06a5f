"""A program's logs, from the host that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.deploy.state import find_program
from hatch_aleph.errors import UsageError
from hatch_aleph.network.hosts import HostClient, LogLine
from hatch_aleph.network.urls import Hosts

if TYPE_CHECKING:
    from hatch_aleph.network.accounts import Account
    from hatch_aleph.network.client import NodeClient


def read_logs(
    client: NodeClient,
    account: Account,
    item_hash: str,
    domain: str | None = None,
    *,
    hosts: Hosts | None = None,
) -> tuple[LogLine, ...]:
    """Return what a program has printed on a host.

    Args:
        client: The node, asked for the program when no host is named.
        account: The owner's.
        item_hash: Of the program.
        domain: URL of the host. Without one: the host beside a node on this machine, or for a persistent program the
            one that the scheduler chose.
        hosts: The hosts of the node.

    Raises:
        UsageError: Any host may run it, so one must be named.
        NetworkError: The host is out of reach, or never ran the program.
        AccountError: The host does not take the account for the owner's.
    """
    host = domain or _host_of(client, item_hash, hosts or Hosts(client.nodes[0]))
    return HostClient(host).logs(item_hash, account)


def _host_of(client: NodeClient, item_hash: str, hosts: Hosts) -> str:
    if hosts.known:
        return hosts.known
    persistent = bool(dict(find_program(client, item_hash).content.get("on") or {}).get("persistent"))
    host = hosts.allocation(item_hash).host if persistent else None
    if host is None:
        why = (
            "the scheduler has no host for it" if persistent else "a program on demand runs on whichever host is called"
        )
        raise UsageError(f"which host? {why}", hint="Name it: --domain URL")
    return host
