"""The node is killed at any moment: what it acknowledged is there, nothing is half there."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.local.node.support import Account, Client, program_message, store_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

ROOT = Path(__file__).parents[3]


class Process:
    """A node in a process of its own, always on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("lone_node.py")), "--port", str(self.port), "--folder"]
        self._process = subprocess.Popen(
            [*command, str(self.folder)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.url = self._process.stdout.readline().strip()
        assert self.url, self._process.stderr.read()
        self.port = int(self.url.rpartition(":")[2])

    def kill(self) -> str:
        """Kill it as the kernel would; return what it wrote to stderr."""
        self._process.send_signal(signal.SIGKILL)
        _, errors = self._process.communicate()
        return errors

    @property
    def memory(self) -> int:
        """Tell the most memory it ever had, in bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024


class Storm:
    """Clients that store, publish and query until told to stop, and remember what they were promised."""

    def __init__(self, url: str, clients: int) -> None:
        self.url = url
        self.promised: dict[str, bytes] = {}
        self.failures: list[str] = []
        self.counts: Counter[str] = Counter()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Self:
        with Client(self.url).http as http:
            for number in range(len(self._threads)):
                body = {"address": Account(f"storm {number}").address, "credits": 10**15}
                http.post("/faucet", json=body).raise_for_status()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        account, random_ = Account(f"storm {number}"), random.Random(number)  # noqa: S311 - a repeatable load
        with Client(self.url).http as http:
            client = Client(self.url)
            client.http.close()
            client.http = http
            while not self._stop.is_set():
                self._try(client, account, random_)

    def _try(self, client: Client, account: Account, random_: random.Random) -> None:
        try:
            self._work(client, account, random_)
        except httpx.TransportError:
            self.counts["cut off"] += 1
            time.sleep(0.2)
        except Exception as error:  # noqa: BLE001 - reported by the test
            self.failures.append(repr(error))

    def _work(self, client: Client, account: Account, random_: random.Random) -> None:
        data = random_.randbytes(random_.randrange(1, 100_000))
        message = store_message(account, data)
        answer = client.upload(data, message)
        self._expect(answer, 200)
        self.promised[message["item_hash"]] = data
        self.counts["stored"] += 1
        if random_.random() < 0.3:
            program = program_message(account, message["item_hash"])
            self._expect(client.post(program), 200)
            self.promised[program["item_hash"]] = b""
            self.counts["programs"] += 1
        query = {"addresses": account.address, "msgTypes": "STORE", "pagination": 5}
        listed = client.http.get("/api/v0/messages.json", params=query)
        self._expect(listed, 200)
        if message["item_hash"] not in [found["item_hash"] for found in listed.json()["messages"]]:
            self.failures.append(f"{message['item_hash']} was acknowledged and is not listed")
        self.counts["queries"] += 1

    def _expect(self, answer: httpx.Response, status: int) -> None:
        if answer.status_code != status:
            self.failures.append(f"{answer.request.url.path}: {answer.status_code} {answer.text[:200]}")


def check_promises(url: str, promised: dict[str, bytes]) -> None:
    client = Client(url)
    for item_hash, data in promised.items():
        shown = client.message(item_hash)
        assert shown["status"] == "processed", (item_hash, shown)
        if data:
            found = client.http.get(f"/api/v0/storage/raw/{shown['message']['content']['item_hash']}")
            assert hashlib.sha256(found.content).digest() == hashlib.sha256(data).digest()
    client.http.close()


def check_nothing_is_half_visible(process: Process) -> int:
    """Every listed message has its status and its file; every file on disk is named by its hash, whole, and known."""
    client = Client(process.url)
    messages = client.get("/api/v0/messages.json", pagination=0, msgTypes="STORE,PROGRAM")["messages"]
    for message in messages:
        if message["signature"] is None:
            continue  # the network's runtimes, known without their bytes
        assert client.status(message["item_hash"]) == "processed"
        if message["type"] == "STORE":
            found = client.get(f"/api/v0/storage/by-message-hash/{message['item_hash']}")
            path = process.folder / "files" / found["file_hash"]
            assert hashlib.sha256(path.read_bytes()).hexdigest() == found["file_hash"]
    for path in (process.folder / "files").iterdir():
        assert client.http.get(f"/api/v0/storage/metadata/{path.name}").status_code == 200
    client.http.close()
    return len(messages)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    running = Process(tmp_path / "node")
    yield running
    running.kill()


def kill_under_load(process: Process, *, kills: int, clients: int) -> Storm:
    with Storm(process.url, clients) as storm:
        for _ in range(kills):
            time.sleep(random.uniform(0.2, 1.2))  # noqa: S311 - any moment will do
            errors = process.kill()
            assert "Traceback" not in errors, errors
            process.start()
        time.sleep(0.5)
    assert storm.failures == []
    check_promises(process.url, storm.promised)
    return storm


def test_what_was_acknowledged_survives_a_kill(process: Process) -> None:
    storm = kill_under_load(process, kills=2, clients=4)
    assert storm.counts["stored"] > 0
    check_nothing_is_half_visible(process)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_kills_lose_nothing(process: Process, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    storm = kill_under_load(process, kills=int(os.environ.get("KILLS", "100")), clients=50)
    listed = check_nothing_is_half_visible(process)
    with capsys.disabled():
        print(f"\nkills under load: {dict(storm.counts)}, {listed} listed, {time.monotonic() - began:.0f} s")  # noqa: T201


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_clients_for_a_minute(process: Process, capsys: pytest.CaptureFixture[str]) -> None:
    with Storm(process.url, 50) as storm:
        time.sleep(60)
    assert storm.failures == []
    assert storm.counts["cut off"] == 0
    check_promises(process.url, storm.promised)
    with capsys.disabled():
        print(f"\n50 clients, 60 s: {dict(storm.counts)}, memory {process.memory / 2**20:.0f} MiB")  # noqa: T201
