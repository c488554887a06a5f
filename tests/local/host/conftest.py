"""Programs in images, a node of a few lines, and a place to run them in."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import textwrap
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from hatch_aleph.errors import GuestError
from hatch_aleph.local.host import Host, Limits, Machine, ProgramSpec
from hatch_aleph.local.host.places import NO_ISOLATION, Isolation, Place, find_python, probe
from hatch_aleph.squashfs import scan, write_image
from tests.signing import Signer

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT, STRANGER = Signer(161), Signer(178)
OWNER = ACCOUNT.address
RUNTIME = "63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696"

ECHO = """
    import json, os, sys

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            event = await receive()
            await send({"type": event["type"] + ".complete"})
            return
        event = await receive()
        told = {key: value for key, value in scope.items() if key != "headers"}
        told["headers"] = [[type(pair).__name__, *(item.decode() for item in pair)] for pair in scope["headers"]]
        told.update(keys=sorted(scope), body=event["body"].decode(), more=event["more_body"])
        told.update(path_list=sys.path, file=__file__, variable=os.environ.get("VARIABLE"), optimized=not __debug__)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})
"""


@pytest.fixture(scope="session")
def python311():
    try:
        return find_python("3.11")
    except GuestError as error:
        pytest.skip(str(error))


@pytest.fixture
def image(tmp_path):
    """Make an image of files given by name."""

    def make(files: dict[str, str], name: str = "code") -> Path:
        folder = tmp_path / name
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(textwrap.dedent(text))
        made = tmp_path / f"{name}.squashfs"
        write_image(scan(folder), made)
        return made

    return make


def isolated(kind: str) -> Isolation:
    """Return one kind of isolation, or skip where it is not possible."""
    found = probe()
    if kind == "mapped":
        return NO_ISOLATION
    if not found.sandbox or (kind == "kernel" and not found.kernel_images):
        pytest.skip("not possible here")
    return found if kind == "kernel" else Isolation(sandbox=True, user=True)


@pytest.fixture(params=["kernel", "user", "mapped"])
def isolation(request):
    """Each isolation that works here: with the kernel's own mounts, in a user namespace, and none."""
    return isolated(request.param)


@pytest.fixture(params=["kernel", "user"])
def sandboxed(request, place):
    """A place with real paths, of each kind."""
    return dataclasses.replace(place, isolation=isolated(request.param))


@pytest.fixture
def place(python311, host_cache, tmp_path):
    return Place(python311, host_cache, tmp_path / "volumes", probe())


@pytest.fixture
def run(place, image):
    """Run one program and hand its machine to a coroutine function."""

    def start(source: str, use, *, limits: Limits | None = None, where: Place | None = None, standby=None, **fields):
        fields.setdefault("entrypoint", "main:app")
        fields.setdefault("item_hash", "ab" * 32)
        spec = ProgramSpec(code=image({"main.py": source}), **fields)

        async def main():
            machine = Machine(spec, where or place, limits=limits or Limits(), standby=standby)
            try:
                await machine.start()
                return await use(machine)
            finally:
                await machine.halt()

        return asyncio.run(main())

    return start


class TinyNode:
    """The few endpoints that a host needs, over a dictionary."""

    def __init__(self) -> None:
        self.messages: dict[str, dict] = {}
        self.files: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.url = ""
        self.listeners: set[asyncio.Queue] = set()

    def publish(self, kind: str, content: dict, signer=ACCOUNT, **envelope) -> str:
        message = signer.message(kind, content, **envelope)
        item_hash = message["item_hash"]
        self.messages[item_hash] = {"status": "processed", "item_hash": item_hash, "message": message}
        for listener in self.listeners:
            listener.put_nowait(message)
        return item_hash

    def store(self, data: bytes, signer=ACCOUNT, **content) -> str:
        file_hash = hashlib.sha256(data).hexdigest()
        self.files[file_hash] = data
        return self.publish("STORE", {"item_type": "storage", "item_hash": file_hash, **content}, signer)

    def program(self, code: str, *, follow: bool = True, signer=ACCOUNT, **changes) -> str:
        content = {
            "code": {"encoding": "squashfs", "entrypoint": "main:app", "ref": code, "use_latest": follow},
            "runtime": {"ref": RUNTIME, "use_latest": True},
            "on": {"http": True, "persistent": False},
            "resources": {"vcpus": 1, "memory": 256, "seconds": 10},
            "environment": {"internet": True},
            "variables": {},
            "volumes": [],
        }
        return self.publish("PROGRAM", {**content, **changes}, signer)

    async def _message(self, request):
        found = self.messages.get(request.match_info["hash"])
        return web.json_response(found) if found else web.Response(status=404, text="404: Not Found")

    async def _status(self, request):
        found = self.messages.get(request.match_info["hash"])
        return web.json_response({"status": found["status"]}) if found else web.Response(status=404, text="404")

    async def _list(self, request):
        query = request.query
        found = [
            m["message"]
            for m in self.messages.values()
            if ("refs" not in query or m["message"]["content"].get("ref") == query["refs"])
            and ("owners" not in query or m["message"]["content"]["address"] == query["owners"])
            and ("msgTypes" not in query or m["message"]["type"] in query["msgTypes"].split(","))
            and m["message"]["content"]["time"] >= float(query.get("startDate", 0))
        ]
        order = int(query.get("sortOrder", -1))
        return web.json_response({"messages": sorted(found, key=lambda m: order * m["content"]["time"])})

    async def _socket(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        news: asyncio.Queue = asyncio.Queue()
        self.listeners.add(news)
        reading = asyncio.ensure_future(socket.receive())
        try:
            while not reading.done():
                telling = asyncio.ensure_future(news.get())
                await asyncio.wait({reading, telling}, return_when=asyncio.FIRST_COMPLETED)
                if telling.done():
                    await socket.send_json(telling.result())
                telling.cancel()
        finally:
            self.listeners.discard(news)
            reading.cancel()
        return socket

    async def _raw(self, request):
        file_hash = request.match_info["hash"]
        self.fetched.append(file_hash)
        return web.Response(body=self.files.get(file_hash), status=200 if file_hash in self.files else 404)

    def attach(self, app: web.Application, *, websocket: bool = True) -> None:
        if websocket:
            app.router.add_get("/api/ws0/messages", self._socket)
        app.router.add_get("/api/v0/messages.json", self._list)
        app.router.add_get("/api/v0/messages/{hash}", self._message)
        app.router.add_get("/api/v0/messages/{hash}/status", self._status)
        app.router.add_get("/api/v0/storage/raw/{hash}", self._raw)


@asynccontextmanager
async def serving(app: web.Application):
    """Serve an application on a free port and give its base URL."""
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def with_host(host_cache, tmp_path, python311):
    """Serve a node and its host from one application, as `hatch-aleph node` does, and use it."""

    def run(use, *, websocket=True, **options):
        async def main():
            node, app = TinyNode(), web.Application()
            node.attach(app, websocket=websocket)
            host = Host("", tmp_path / "host", host_cache, python=python311, **options)
            host.attach(app)
            async with serving(app) as url, aiohttp.ClientSession() as client:
                host.node_url = node.url = url
                return await use(node, host, client)

        return asyncio.run(main())

    return run


async def until(true, seconds: float = 60.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds) if hasattr(asyncio, "timeout") else nullcontext():
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
