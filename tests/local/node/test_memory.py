"""Large files pass through the node without passing through its memory."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from aleph_cid import CidHasher

from tests.local.node.support import Account, Client, payment_of
from tests.local.node.test_crash import Process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1024 * 1024
BLOCK = hashlib.sha256(b"block").digest() * (MIB // 32)


def upload_streamed(url: str, account: Account, size_mib: int) -> tuple[str, int]:
    """Upload a file of IPFS from a generator; return its CID and the HTTP status."""
    hasher = CidHasher.for_ipfs()
    for number in range(size_mib):
        hasher.update(number.to_bytes(4, "big") + BLOCK[4:])
    cid = hasher.finalize()
    message = account.sign("STORE", {"item_type": "ipfs", "item_hash": cid, **payment_of("credit")})
    metadata = json.dumps({"message": message, "sync": True})

    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n' + metadata.encode() + b"\r\n"
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="big"\r\n\r\n'
        for number in range(size_mib):
            yield number.to_bytes(4, "big") + BLOCK[4:]
        yield b"\r\n--x--\r\n"

    with Client(url).http as http:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = http.post("/api/v0/ipfs/add_file", content=body(), headers=headers, timeout=300)
    return cid, answer.status_code


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_900_mib_go_up_and_come_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = Process(tmp_path / "node")
    try:
        account = Account("large")
        client = Client(process.url)
        client.faucet(account, 10**12)
        before = process.memory
        cid, status = upload_streamed(process.url, account, 900)
        assert status == 200
        up = process.memory
        hasher, size = hashlib.sha256(), 0
        with client.http.stream("GET", f"/api/v0/storage/raw/{cid}", timeout=300) as answer:
            for chunk in answer.iter_bytes(MIB):
                hasher.update(chunk)
                size += len(chunk)
        expected = hashlib.sha256()
        for number in range(900):
            expected.update(number.to_bytes(4, "big") + BLOCK[4:])
        assert (size, hasher.digest()) == (900 * MIB, expected.digest())
        down = process.memory
        client.http.close()
        with capsys.disabled():
            figures = [f"{value / MIB:.0f}" for value in (before, up, down)]
            print("\nmemory of the node, MiB: {} at rest, {} after the upload, {} after the download".format(*figures))  # noqa: T201
        assert down <= 120 * MIB
    finally:
        process.kill()
