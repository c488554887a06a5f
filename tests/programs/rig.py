"""The network on this machine for tests of programs: node and host in one server, driven by HTTP alone."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import textwrap
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.keys import Key

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.network.accounts import Account

_seeds = itertools.count(7_000)

# Bare: completes no lifespan of its own, so it starts only with the adapter.
APP = """
    async def app(scope, receive, send):
        assert scope["type"] == "http", scope["type"]
        print("was asked for", scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"ANSWER"})
"""
# Works without an adapter.
BARE_APP = """
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await send({"type": (await receive())["type"] + ".complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"ANSWER"})
"""


def random_key(seed: int) -> Key:
    """Return a key of as random bytes as a real one: the zeros of a number stand in any file."""
    return Key(hashlib.sha256(str(seed).encode()).digest(), "test")


class RunningNetwork:
    """Node and host, served by a thread of its own; the host stops programs as the network's do, but quicker.

    Attributes:
        pace: Factor on the host's own times.
    """

    pace = 0.05

    def __init__(self, folder: Path) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(folder, ready)), daemon=True)
        self._thread.start()
        assert ready.wait(30)

    async def _serve(self, folder: Path, ready: threading.Event) -> None:
        from hatch_aleph.local.host import Limits
        from hatch_aleph.local.serve import serve_network

        def is_ready(url: str) -> None:
            self.url = url
            ready.set()

        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(
            serve_network(
                folder, 0, ready=is_ready, limits=Limits.as_real(self.pace, program_memory=1 << 20, virtual_cores=1000)
            )
        )
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(30)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def new_account(self, amount: int = 10**9) -> Account:
        account = account_from_key(random_key(next(_seeds)), "ETH")
        if amount:
            self.faucet(account.address, amount)
        return account

    def faucet(self, address: str, amount: int, tokens: int = 0) -> None:
        body = json.dumps({"address": address, "credits": amount, "tokens": tokens}).encode()
        request = urllib.request.Request(f"{self.url}/faucet", data=body, headers={"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=30).close()

    def status(self, item_hash: str) -> str:
        return str(self.get(f"/api/v0/messages/{item_hash}/status")["status"])

    def content(self, item_hash: str) -> dict[str, Any]:
        """Return a message's content without what nodes fill in as null."""
        return dict(said(self.get(f"/api/v0/messages/{item_hash}")["message"]["content"]))

    def sent(self, address: str) -> list[tuple[str, str]]:
        """Return type and item hash of every message that an address has sent, oldest first, whatever became of it."""
        found = []
        for status in ("processed", "forgotten", "rejected", "removing"):
            query = f"/api/v0/messages.json?pagination=200&msgStatuses={status}&addresses={address}"
            found += self.get(query)["messages"]
        return [(each["type"], each["item_hash"]) for each in sorted(found, key=lambda each: each["time"])]


def said(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: said(item) for key, item in value.items() if item is not None}
    return value


def ask(url: str) -> tuple[int, str]:
    """Get a URL: status and body."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def ask_until(url: str, body: str, seconds: float = 20.0) -> str:
    """Ask until a body comes, and return the last one that did: a host takes a moment to see an amend."""
    end = time.monotonic() + seconds
    while True:
        _, got = ask(url)
        if got == body or time.monotonic() > end:
            return got
        time.sleep(0.2)


def write_app(folder: Path, answer: str = "hello", *, source: str = APP, **files: str) -> Path:
    """Write the folder of an app."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text(textwrap.dedent(source).replace("ANSWER", answer), "utf-8")
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return folder
