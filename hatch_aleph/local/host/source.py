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
from typing import Any

import aiohttp

from hatch_aleph import runtimes
from hatch_aleph.errors import NetworkError
from hatch_aleph.local.host.spec import Encoding, Interface, ProgramSpec, VolumeSpec

_CHUNK = 256 * 1024
# Statuses in which a message's content still counts; one that is `removing` has days left.
_LIVE = frozenset({"processed", "removing"})
_SHA256_LENGTH = 64


class UnknownMessageError(NetworkError):
    """The node has no such message, or none that counts."""


class Source:
    """Fetches programs from one node, keeping files by their hash."""

    def __init__(
        self, node_url: str, cache: Path, session: aiohttp.ClientSession, *, runtime_images: bool = False
    ) -> None:
        self._node = node_url.rstrip("/")
        self._files = cache / "files"
        self._session = session
        self._runtime_images = runtime_images
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def program(self, item_hash: str) -> ProgramSpec:
        """Return a program as its message says, with code and volumes amended where it follows amends.

        Raises:
            UnknownMessageError: No message, or one that is no program.
            NetworkError: A file cannot be fetched or is not what its hash says.
        """
        message = await self.message(item_hash)
        if message["type"] != "PROGRAM":
            raise UnknownMessageError(f"the message is a {message['type']}, not a PROGRAM", where=item_hash)
        content = message["content"]
        code, runtime = content["code"], content["runtime"]
        code_ref = await self._latest(code)
        known = runtimes.find(runtime["ref"]) or runtimes.DEFAULT
        resources = content.get("resources") or {}
        volumes = content.get("volumes") or []
        data = content.get("data")
        return ProgramSpec(
            item_hash=item_hash,
            entrypoint=code["entrypoint"],
            interface=_interface(code),
            encoding=_encoding(code["encoding"]),
            code=await self.stored_file(code_ref),
            code_ref=code_ref,
            volumes=tuple([await self._volume(volume) for volume in volumes]),
            variables=dict(content.get("variables") or {}),
            seconds=float(resources.get("seconds", 1)),
            memory=int(resources.get("memory", 128)),
            internet=bool((content.get("environment") or {}).get("internet", False)),
            python=known.python,
            data=await self.stored_file(await self._latest(data)) if data else None,
            runtime=await self.stored_file(await self._latest(runtime)) if self._runtime_images else None,
            persistent=bool((content.get("on") or {}).get("persistent", False)),
            watched=frozenset(
                [
                    code["ref"],
                    runtime["ref"],
                    *([data["ref"]] if data else []),
                    *(v["ref"] for v in volumes if v.get("ref")),
                ]
            ),
            subscriptions=tuple((content.get("on") or {}).get("message") or ()),
            owner=content["address"],
        )

    async def _volume(self, volume: dict[str, Any]) -> VolumeSpec:
        mount = volume.get("mount") or ""
        if volume.get("ephemeral"):
            return VolumeSpec(mount=mount, kind="ephemeral")
        if volume.get("ref"):
            ref = await self._latest(volume)
            return VolumeSpec(mount=mount, image=await self.stored_file(ref), ref=ref)
        persistence = str(volume.get("persistence") or "host")
        return VolumeSpec(mount=mount, kind="persistent", name=volume.get("name") or "", persistence=persistence)

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

    async def _latest(self, reference: dict[str, Any]) -> str:
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
                    self._check(response, file_hash)
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


def _interface(code: dict[str, Any]) -> Interface:
    """Return the interface: as the message says, else by the colon (Interface.from_entrypoint)."""
    said = code.get("interface")
    if said in ("binary", "executable"):
        return "executable"
    if said == "asgi" or ":" in code["entrypoint"]:
        return "asgi"
    return "executable"


def _encoding(encoding: str) -> Encoding:
    if encoding == "squashfs":
        return "squashfs"
    return "zip" if encoding == "zip" else "plain"
