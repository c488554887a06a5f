"""What the tests deploy with: the embedded node, artifacts of given bytes, and a host that asks the node."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hatch_aleph.artifact import SUFFIX, Artifact, Image, Manifest, hash_file
from hatch_aleph.cli.item_hash_type import item_hash_in
from hatch_aleph.deploy.health import CODE_REF, ITEM_HASH, Answer
from hatch_aleph.runtimes import DEFAULT
from hatch_aleph.settings import PublishSettings
from hatch_aleph.settings.parse import Problem, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_aleph.local.node import Node

DEBIAN_12 = "63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696"
MOUNTS = {"code": "/opt/code", "packages": "/opt/packages"}


class RunningNode:
    """The embedded node, served by a thread of its own; after a stop it comes back at the same address."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self._port = 0
        self._arguments = folder, options
        self.start()

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(*self._arguments, ready)), daemon=True)
        self._thread.start()
        assert ready.wait(30)

    async def _serve(self, folder: Path, options: dict[str, Any], ready: threading.Event) -> None:
        from aiohttp import web

        from hatch_aleph.local.node import Node, application_of

        node = Node(folder, **options)
        self._node = node
        runner = web.AppRunner(application_of(node), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()
        self._port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await self._stopped.wait()
        await runner.cleanup()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(30)

    def inside(self, work: Callable[[Node], Any]) -> Any:
        """Do something to the node where it runs: what no client could bring about."""

        async def do() -> Any:
            return work(self._node)

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result(30)

    def sql(self, statement: str, *values: Any) -> Any:
        """Change the node's state by hand."""
        return self.inside(lambda node: node.state.database.run(statement, *values))

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            return json.load(answer)

    def faucet(self, address: str, **amounts: float) -> None:
        body = json.dumps({"address": address, **amounts}).encode()
        request = urllib.request.Request(f"{self.url}/faucet", data=body, headers={"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=20).close()

    def messages(self, owner: str, tag: str | None = None) -> list[dict[str, Any]]:
        """Return every message of an owner, by status: those of a tag, and all FORGETs."""
        found = []
        for status in ("processed", "forgotten", "rejected", "removing"):
            query = f"/api/v0/messages.json?pagination=200&msgStatuses={status}&addresses={owner}"
            found += [{**message, "status": status} for message in self.get(query)["messages"]]
        return found if tag is None else [message for message in found if tag in json.dumps(message)]


def publishing(table: dict[str, Any]) -> PublishSettings:
    """Return what a table says that publishing needs."""
    problems: list[Problem] = []
    settings = parse(PublishSettings, table, problems)
    assert settings is not None, problems
    return settings


def make_artifact(
    folder: Path,
    *,
    name: str = "shop",
    version: str = "1.0",
    code: bytes = b"code 1",
    packages: bytes | None = b"packages 1",
    profile: str | None = None,
    settings: dict[str, Any] | None = None,
    **program: Any,
) -> Artifact:
    """Write an artifact whose images are any bytes: neither node nor deployment looks into them."""
    folder.mkdir(parents=True, exist_ok=True)
    images = []
    for role, content in (("code", code), ("packages", packages)):
        if content is None:
            continue
        file = folder / f"{name}-{version}-{role}.squashfs"
        file.write_bytes(content)
        hashes = hash_file(file)
        images.append(
            Image(
                role=role,  # type: ignore[arg-type]
                file=file.name,
                mount=MOUNTS[role],
                encoding="squashfs",
                sha256=hashes.sha256,
                cid=hashes.cid,
                size=hashes.size,
                inputs=hashlib.sha256(b"inputs of " + content).hexdigest(),
            )
        )
    manifest = Manifest(
        project={"name": name, "version": version},
        profile=profile,
        program={**PROGRAM, **program},
        images=tuple(images),
        distributions=(),
        runtime=DEFAULT,
        tool={"name": "hatch-aleph", "version": "0"},
        settings=publishing({"channel": "TEST", "health": {"path": "/", "timeout-seconds": 5.0}, **(settings or {})}),
    )
    path = folder / f"{name}-{version}{SUFFIX}"
    path.write_text(manifest.to_json(), "utf-8")
    return Artifact.load(path)


PROGRAM: dict[str, Any] = {
    "type": "vm-function",
    "allow_amend": False,
    "code": {"encoding": "squashfs", "entrypoint": "main:app", "interface": "asgi", "use_latest": True},
    "runtime": {"ref": DEBIAN_12, "use_latest": True, "comment": "Debian 12"},
    "on": {"http": True, "persistent": False},
    "environment": {"reproducible": False, "internet": False, "aleph_api": True, "shared_cache": False},
    "resources": {"vcpus": 1, "memory": 2048, "seconds": 30},
    "variables": {},
    "volumes": [],
    "metadata": {"name": "shop"},
    "payment": {"type": "credit", "chain": "ETH"},
}


@dataclass
class NodeHost:
    """A host without programs: answers 200 when the node has all that a program names, as real hosts find it.

    Attributes:
        node: The node it takes messages from.
        broken: sha256 of code that fails whatever is asked.
        asked: URLs that were asked for.
    """

    node: RunningNode
    broken: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def __call__(self, url: str, *, timeout: float) -> Answer:
        self.asked.append(url)
        item_hash = item_hash_in(url) or ""
        try:
            program = self.node.get(f"/api/v0/messages/{item_hash}")
        except OSError:
            return Answer(500, {}, "unknown hash")
        if program["status"] != "processed":
            return Answer(500, {}, program["status"])
        content = program["message"]["content"]
        code = self._latest(content["code"]["ref"], content["address"])
        for volume in content["volumes"]:
            if "ref" in volume:
                self._latest(volume["ref"], content["address"])
        if code["content"]["item_hash"] in self.broken:
            return Answer(502, {CODE_REF: code["item_hash"]}, "the app fails")
        return Answer(200, {CODE_REF: code["item_hash"], ITEM_HASH: item_hash}, "hello")

    def _latest(self, ref: str, owner: str) -> dict[str, Any]:
        amends = self.node.get(f"/api/v0/messages.json?msgType=STORE&sort_order=-1&refs={ref}&owners={owner}")
        newest = next(iter(amends["messages"]), None)
        message = newest or self.node.get(f"/api/v0/messages/{ref}")["message"]
        # A program that points to something absent must never be: the host would fail on it.
        self.node.get(f"/api/v0/messages/{message['item_hash']}/status")
        raw = urllib.request.Request(
            f"{self.node.url}/api/v0/storage/raw/{message['content']['item_hash']}", method="HEAD"
        )
        urllib.request.urlopen(raw, timeout=20).close()
        return message
