"""Programs from a node: the message, its files by hash, and the amends that it follows.

Source: ``src/aleph/vm/orchestrator/messages.py`` and ``src/aleph/vm/storage.py`` in aleph-im/aleph-vm.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from hatch_aleph.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 256 * 1024
# Statuses in which a message's content still counts; one that is `removing` has days left.
_LIVE = frozenset({"processed", "removing"})
_SHA256_LENGTH = 64


class UnknownMessageError(NetworkError):
    """The node has no such message, or none that counts."""


class UnavailableFileError(NetworkError):
    """The node knows the message of a file but does not give the file."""


class Source:
    """Fetches programs from one node, keeping files by their hash.

    Args:
        node_url: Base URL of the node, or what returns it: a server knows its port late.
        cache: Folder for the files.
        session: HTTP session, closed by its owner.
    """

    def __init__(self, node_url: str | Callable[[], str], cache: Path, session: aiohttp.ClientSession) -> None:
        self._node_url = node_url
        self._files = cache / "files"
        self._session = session
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def _node(self) -> str:
        url = self._node_url
        return (url if isinstance(url, str) else url()).rstrip("/")

    async def program_content(self, item_hash: str) -> dict[str, Any]:
        """Return the content of a PROGRAM message.

        Raises:
            UnknownMessageError: No message, or one that is no program.
        """
        message = await self.message(item_hash)
        if message["type"] != "PROGRAM":
            raise UnknownMessageError(f"the message is a {message['type']}, not a PROGRAM", where=item_hash)
        return dict(message["content"])

    async def message(self, item_hash: str) -> dict[str, Any]:
        """Return a processed message.

        Raises:
            UnknownMessageError: The node has none that counts.
        """
        found = await self._get(f"/api/v0/messages/{item_hash}")
        status = found.get("status")
        if status not in _LIVE:
            raise UnknownMessageError(f"the message is {status}", where=item_hash)
        return dict(found["message"])

    async def status(self, item_hash: str) -> str:
        """Return a message's status."""
        return str((await self._get(f"/api/v0/messages/{item_hash}")).get("status"))

    async def programs(self) -> list[dict[str, Any]]:
        """Return the PROGRAM messages that count, newest first."""
        query = "msgTypes=PROGRAM&msgStatuses=processed&sortOrder=-1&pagination=1000"
        return list((await self._get(f"/api/v0/messages.json?{query}")).get("messages") or ())

    async def latest(self, reference: dict[str, Any]) -> str:
        """Return the ref, or that of its owner's newest amend where amends are followed (get_latest_amend)."""
        ref = str(reference["ref"])
        if not reference.get("use_latest"):
            return ref
        owner = (await self.message(ref))["content"]["address"]
        query = f"msgTypes=STORE&sortOrder=-1&refs={ref}&owners={owner}&pagination=1"
        found = (await self._get(f"/api/v0/messages.json?{query}")).get("messages") or []
        for message in found[:1]:
            content = message["content"]
            if content.get("address") == owner and content.get("ref") == ref:
                return str(message["item_hash"])
        return ref

    async def stored_file(self, ref: str) -> Path:
        """Return the file of a STORE message, fetched once and checked against its hash."""
        content = (await self.message(ref))["content"]
        file_hash = str(content["item_hash"])
        path = self._files / file_hash
        async with self._locks[file_hash]:
            if not path.is_file():
                await self._download(file_hash, path)
        return path

    async def _download(self, file_hash: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".part-", dir=path.parent)
        digest = hashlib.sha256()
        try:
            with os.fdopen(descriptor, "wb") as part:
                async with self._session.get(f"{self._node}/api/v0/storage/raw/{file_hash}") as response:
                    if response.status != 200:  # noqa: PLR2004 - HTTP
                        raise UnavailableFileError(f"the node answered {response.status}", where=file_hash)
                    async for chunk in response.content.iter_chunked(_CHUNK):
                        digest.update(chunk)
                        part.write(chunk)
            if len(file_hash) == _SHA256_LENGTH and digest.hexdigest() != file_hash:
                raise NetworkError("the node sent a file of another hash", where=file_hash)
            Path(name).replace(path)  # noqa: ASYNC240 - a rename
        except aiohttp.ClientError as error:
            raise self._unreachable(error) from error
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()  # noqa: ASYNC240 - and what a failure left

    async def _get(self, path: str) -> dict[str, Any]:
        try:
            async with self._session.get(self._node + path) as response:
                self._check(response, path)
                return dict(json.loads(await response.read()))
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
            raise self._unreachable(error) from error

    def _check(self, response: aiohttp.ClientResponse, what: str) -> None:
        name = what.rsplit("/", 1)[-1]
        if response.status == 404:  # noqa: PLR2004 - HTTP
            raise UnknownMessageError("the node does not know it", where=name)
        if response.status >= 400:  # noqa: PLR2004 - HTTP
            raise NetworkError(f"the node answered {response.status}", where=name)

    def _unreachable(self, error: Exception) -> NetworkError:
        return NetworkError(f"the node did not answer: {str(error) or type(error).__name__}", where=self._node)
