"""What a host offers its programs over a unix socket: a cache, and reads of the network.

Source: ``src/aleph/vm/guest_api/__main__.py`` in aleph-im/aleph-vm, behind the socket that ``init0.sh`` of its runtimes
opens. The SDK's ``VmCache`` and its clients find it by the variables that the init sets.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from hatch_aleph.defaults import DEFAULT_NODES

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from aiohttp import web


class GuestApi:
    """What the programs of one host share: their caches, kept as long as it lives, and the node that they read from.

    Args:
        node_url: Base URL of the node, or what returns it.
    """

    def __init__(self, node_url: str | Callable[[], str] = DEFAULT_NODES[0]) -> None:
        self._node_url = node_url
        self.caches: defaultdict[str, dict[str, bytes]] = defaultdict(dict)  # by item hash

    @property
    def node(self) -> str:
        """Base URL of the node."""
        return (self._node_url if isinstance(self._node_url, str) else self._node_url()).rstrip("/")


class ProgramApi:
    """The API of one running program. Its server begins with the first connection: aiohttp takes a tenth of a second.

    Args:
        shared: Of the host.
        item_hash: The program's.
    """

    def __init__(self, shared: GuestApi, item_hash: str) -> None:
        self._shared = shared
        self._cache = shared.caches[item_hash]
        self._listener: socket.socket | None = None
        self._opening: asyncio.Task[web.AppRunner] | None = None
        # Until then connections are closed without a word: hosts start the API when the program has started.
        self.is_open = False

    def serve(self, listener: socket.socket) -> None:
        """Answer on a bound socket until closed."""
        listener.listen(128)
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._open, listener)

    def _open(self, listener: socket.socket) -> None:
        from hatch_aleph.local.host.guest_api_server import GuestApiServer

        asyncio.get_running_loop().remove_reader(listener)
        self._listener = None
        server = GuestApiServer(self._cache, lambda: self._shared.node, lambda: self.is_open)
        self._opening = asyncio.create_task(server.serve(listener))

    async def close(self) -> None:
        """Let go of the socket."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener = None
        if self._opening is not None:
            await (await self._opening).cleanup()
