"""Programs from a node: messages, their files by hash, and the amends that they follow.

Source: ``src/aleph/vm/orchestrator/messages.py`` and ``src/aleph/vm/storage.py`` in aleph-im/aleph-vm. What is believed
of a node, and how it is asked, is the network's client's matter; here it is only asked beside the event loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from hatch_aleph.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hatch_aleph.network.answers import NetworkMessage
    from hatch_aleph.network.client import NodeClient

T = TypeVar("T")


class UnknownMessageError(NetworkError):
    """The node has no such message, or none that counts."""


class UnavailableFileError(NetworkError):
    """The node knows the message of a file but does not give the file (ResourceDownloadError)."""

    answer: ClassVar = (400, "400: Code, runtime or data not available")


class Source:
    """Fetches programs from nodes, keeping files by their hash.

    Args:
        connect: Makes the client, at the first request: a server knows its port late.
        cache: Folder for the files.
    """

    def __init__(self, connect: Callable[[], NodeClient], cache: Path) -> None:
        self._connect = connect
        self._client: NodeClient | None = None
        self._files = cache / "files"
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def node(self) -> str:
        """Base URL of the first node."""
        return self._connected().nodes[0]

    async def program_content(self, item_hash: str) -> dict[str, Any]:
        """Return the content of a PROGRAM message.

        Raises:
            UnknownMessageError: No message, or one that is no program.
        """
        message = await self.message(item_hash)
        if message.type != "PROGRAM":
            raise UnknownMessageError(f"The message is a {message.type}, not a PROGRAM", where=item_hash)
        return message.content

    async def message(self, item_hash: str) -> NetworkMessage:
        """Return a message that counts.

        Raises:
            UnknownMessageError: The node has none.
        """
        message = await self._ask(lambda client: client.message(item_hash))
        if message is None:
            raise UnknownMessageError("The node does not know it", where=item_hash)
        if not message.status.is_live:
            raise UnknownMessageError(f"The message is {message.status.value}", where=item_hash)
        return message

    async def status(self, item_hash: str) -> str:
        """Return a message's status."""
        status = await self._ask(lambda client: client.status(item_hash))
        if status is None:
            raise UnknownMessageError("The node does not know it", where=item_hash)
        return status.value

    async def messages(self, **filters: Any) -> list[NetworkMessage]:
        """Return messages by the filters of :meth:`.NodeClient.messages`."""
        return await self._ask(lambda client: list(client.messages(**filters)))

    async def latest(self, reference: Mapping[str, Any]) -> str:
        """Return the ref, or that of its owner's newest amend where amends are followed (get_latest_amend)."""
        ref = str(reference["ref"])
        if not reference.get("use_latest"):
            return ref
        newest = await self._ask(lambda client: client.newest_content(ref))
        if newest is None:
            raise UnknownMessageError("The node has no such file", where=ref)
        return newest.item_hash

    async def stored_file(self, ref: str) -> Path:
        """Return the file of a STORE message, fetched once and checked against its hash."""
        message = await self.message(ref)
        file_hash = message.file_hash
        path = self._files / file_hash
        async with self._locks[file_hash]:
            if not path.is_file():
                try:
                    await self._ask(lambda client: client.download(file_hash, path))
                except NetworkError as error:
                    if await self._ask(lambda client: client.has_file(file_hash)):
                        raise
                    raise UnavailableFileError(error.message, where=file_hash) from error
        return path

    def _connected(self) -> NodeClient:
        if self._client is None:
            self._client = self._connect()
        return self._client

    async def _ask(self, question: Callable[[NodeClient], T]) -> T:
        """Ask in a thread that nobody waits for at the end, so that a slow node holds back neither loop nor Ctrl-C."""
        client, answer = self._connected(), Future[T]()
        answer.set_running_or_notify_cancel()  # who asked may go away; the answer then is nobody's

        def work() -> None:
            try:
                answer.set_result(question(client))
            except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
                answer.set_exception(error)

        threading.Thread(target=work, name="asks a node", daemon=True).start()
        return await asyncio.wrap_future(answer)
