"""Where programs run and answer: at a host that is named, at the node's own, or at the network's."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hatch_aleph.defaults import SCHEDULER
from hatch_aleph.itemhash import to_base32

from .executions import Allocation, Execution, allocation, executions, is_host
from .http import is_here

if TYPE_CHECKING:
    from collections.abc import Callable


def program_urls(item_hash: str, host: str | None) -> tuple[str, ...]:
    """Return the URLs at which a program answers, the one to show first.

    Args:
        item_hash: Of the PROGRAM message.
        host: URL of the one host to ask; None for the network's own.
    """
    if host is not None:
        by_path = f"{host.rstrip('/')}/vm/{item_hash}"
        here = urlsplit(host)
        if here.scheme != "http" or not is_here(host):
            return (by_path,)
        # By a name of its own, since an application's absolute redirects lead away from a path below another server's.
        port = f":{here.port}" if here.port else ""
        return (f"http://{to_base32(item_hash)}.localhost{port}", by_path)
    return (f"https://{to_base32(item_hash)}.aleph.sh", f"https://aleph.sh/vm/{item_hash}")


@dataclass(frozen=True)
class Hosts:
    """The hosts that run the programs of a node.

    Attributes:
        node: URL of the node; one on this machine may be a host as well, if it says so.
        named: URL of a host to use in place of the network's own.
        list_executions: Asks a host what it runs.
        ask_scheduler: Asks a scheduler where it has a persistent program.
        is_host: Asks a node on this machine whether it is a host as well.
    """

    node: str
    named: str | None = None
    list_executions: Callable[[str], dict[str, Execution] | None] = executions
    ask_scheduler: Callable[..., Allocation] = field(default=allocation)
    is_host: Callable[[str], bool] = field(default=is_host)

    @functools.cached_property
    def _node_is_host(self) -> bool:
        return is_here(self.node) and self.is_host(self.node)

    @property
    def known(self) -> str | None:
        """The one host that runs programs on demand, where one is known."""
        return self.named or (self.node if self._node_is_host else None)

    def urls(self, item_hash: str) -> tuple[str, ...]:
        """Return where a program on demand answers, the URL to show first."""
        return program_urls(item_hash, self.known)

    def allocation(self, item_hash: str) -> Allocation:
        """Return where a persistent program runs.

        Raises:
            NetworkError: The scheduler cannot be asked.
        """
        if self.named:
            return Allocation(self.named, "named")
        return self.ask_scheduler(item_hash, scheduler=self.node if self._node_is_host else SCHEDULER)
