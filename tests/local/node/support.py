"""A node on a free port of 127.0.0.1, keys to sign with, and a client that speaks its API."""

from __future__ import annotations

import asyncio
import hashlib
import json
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
from aiohttp import web
from eth_account import Account as Key
from eth_account.messages import encode_defunct

from hatch_aleph.local.node import Node, application_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEBIAN_12 = "63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696"
NOW = 1_795_558_573.0


class Served:
    """An application served by a thread of its own, on a free port."""

    def __init__(self, application: web.Application) -> None:
        started: queue.Queue[str] = queue.Queue()

        async def serve() -> None:
            runner, self._stop, self._loop = web.AppRunner(application), asyncio.Event(), asyncio.get_running_loop()
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            started.put(f"http://127.0.0.1:{runner.addresses[0][1]}")
            await self._stop.wait()
            await runner.cleanup()

        self._thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        self._thread.start()
        self.url = started.get(timeout=20)

    def call(self, function: Callable[[], Any]) -> Any:
        """Run something in the application's own thread."""

        async def run() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(20)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(20)


class RunningNode:
    """A served node that can be stopped and started again."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder, self.options = folder, options
        self.start()

    def start(self) -> None:
        self.node = Node(self.folder, **self.options)
        self._served = Served(application_of(self.node))
        self.url, self.call, self.stop = self._served.url, self._served.call, self._served.stop


class Account:
    """A key of Ethereum that signs as the SDK's accounts do."""

    def __init__(self, seed: str, chain: str = "ETH") -> None:
        self._key = Key.from_key(hashlib.sha256(seed.encode()).digest())
        self.address = self._key.address
        self.chain = chain

    @classmethod
    def from_key(cls, key: bytes) -> Account:
        account = cls("")
        account._key = Key.from_key(key)
        account.address = account._key.address
        return account

    def sign(self, type_: str, content: dict[str, Any], **changes: Any) -> dict[str, Any]:
        moment = changes.pop("time", None) or time.time()
        content = {"address": self.address, "time": moment, **content}
        item_content = json.dumps(content, separators=(",", ":"))
        item_hash = hashlib.sha256(item_content.encode()).hexdigest()
        return {
            "sender": self.address,
            "chain": self.chain,
            "type": type_,
            "time": moment,
            "channel": "TEST",
            "item_type": "inline",
            "item_content": item_content,
            "item_hash": item_hash,
            "signature": self.sign_text(f"{self.chain}\n{self.address}\n{type_}\n{item_hash}"),
            **changes,
        }

    def sign_text(self, text: str) -> str:
        return "0x" + self._key.sign_message(encode_defunct(text=text)).signature.hex().removeprefix("0x")

    @staticmethod
    def signer(text: str, signature: str) -> str:
        return Key.recover_message(encode_defunct(text=text), signature=signature)


class Client:
    """The API of a node, as a test asks it."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def faucet(self, account: Account, credit_amount: int = 10**12, tokens: float = 0) -> dict[str, Any]:
        body = {"address": account.address, "credits": credit_amount, "tokens": tokens}
        return self.http.post("/faucet", json=body).raise_for_status().json()

    def post(self, message: dict[str, Any], sync: bool = True) -> httpx.Response:
        return self.http.post("/api/v0/messages", json={"message": message, "sync": sync})

    def upload(
        self, data: bytes, message: dict[str, Any] | None = None, sync: bool = True, engine: str = "storage"
    ) -> httpx.Response:
        files: dict[str, Any] = {}
        if message is not None:
            files["metadata"] = (None, json.dumps({"message": message, "sync": sync}), "application/json")
        files["file"] = ("file", data)
        return self.http.post(f"/api/v0/{engine}/add_file", files=files)

    def store(self, account: Account, data: bytes, payment: str | None = "credit", **content: Any) -> str:
        """Upload and store; return the message's item hash."""
        message = store_message(account, data, payment, **content)
        answer = self.upload(data, message)
        assert answer.status_code == 200, answer.text
        return message["item_hash"]

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def message(self, item_hash: str) -> dict[str, Any]:
        return self.get(f"/api/v0/messages/{item_hash}")

    def status(self, item_hash: str) -> str:
        return self.get(f"/api/v0/messages/{item_hash}/status")["status"]

    def wait(self, item_hash: str, *statuses: str, seconds: float = 20) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            shown = self.http.get(f"/api/v0/messages/{item_hash}")  # a late node does not know it yet
            if shown.status_code == 200 and shown.json()["status"] in statuses:
                return shown.json()
            time.sleep(0.02)
        raise AssertionError(f"{item_hash} is {shown.text[:500]}, not {statuses}")


def payment_of(kind: str | None) -> dict[str, Any]:
    return {} if kind is None else {"payment": {"chain": "ETH", "type": kind}}


def store_message(account: Account, data: bytes, payment: str | None = "credit", **content: Any) -> dict[str, Any]:
    envelope = {key: content.pop(key) for key in ("time", "signature", "chain") if key in content}
    file_hash = hashlib.sha256(data).hexdigest()
    content = {"item_type": "storage", "item_hash": file_hash, **payment_of(payment), **content}
    return account.sign("STORE", content, **envelope)


def program_message(account: Account, code: str, payment: str | None = "credit", /, **content: Any) -> dict[str, Any]:
    envelope = {key: content.pop(key) for key in ("time", "signature") if key in content}
    content = {
        "type": "vm-function",
        "allow_amend": False,
        "code": {"encoding": "squashfs", "entrypoint": "main:app", "ref": code, "use_latest": True},
        "runtime": {"ref": DEBIAN_12, "use_latest": True, "comment": ""},
        "on": {"http": True, "persistent": False},
        "environment": {"reproducible": False, "internet": True, "aleph_api": True, "shared_cache": False},
        "resources": {"vcpus": 1, "memory": 512, "seconds": 30},
        "metadata": {"name": "test"},
        "volumes": [],
        **payment_of(payment),
        **content,
    }
    return account.sign("PROGRAM", content, **envelope)


def forget_message(account: Account, *hashes: str, **content: Any) -> dict[str, Any]:
    return account.sign("FORGET", {"hashes": list(hashes), **content})
