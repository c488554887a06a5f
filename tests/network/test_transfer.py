"""Uploads and downloads when nodes stall, hang up or lack a file."""

from __future__ import annotations

import hashlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.errors import ArtifactError, NetworkError, RejectedError
from hatch_aleph.network.answers import MessageStatus
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.messages import sign_message, store_content
from hatch_aleph.network.nodes import PATIENT_ROUNDS
from tests.network.scripted import Answer, ScriptedNode, as_json, as_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatch_aleph.network.accounts import Account
    from hatch_aleph.network.messages import SignedMessage

MIB = 1024**2


def signed(account: Account, data: bytes) -> SignedMessage:
    content = store_content(account.address, hashlib.sha256(data).hexdigest(), "storage", time=1.0, payment=None)
    return sign_message(account, "STORE", content, channel="T", time=1.0)


class RawServer:
    """Takes connections, reads so many bytes of each, says something, and stalls, or reads the rest as nginx does."""

    def __init__(self, read: int, say: bytes, *, drain: bool) -> None:
        self._read, self._say, self._drain = read, say, drain
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            left = self._read
            while left > 0 and (piece := connection.recv(min(left, 65536))):
                left -= len(piece)
            connection.sendall(self._say)
            while self._drain and connection.recv(65536):
                pass
            self._open.append(connection)

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._open:
            connection.close()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Larger than what the kernel buffers."""
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(64 * MIB)
    return path


@pytest.fixture
def raw(request: pytest.FixtureRequest) -> Iterator[RawServer]:
    read, say, drain = request.param
    server = RawServer(read, say, drain=drain)
    yield server
    server.stop()


@pytest.mark.parametrize("raw", [(1000, b"", False)], indirect=True)
def test_a_node_that_takes_no_more_is_given_up(
    raw: RawServer, account: Account, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hatch_aleph.network.transfer._SECONDS_OF_STALL", 0.2)
    pauses: list[float] = []
    with NodeClient([raw.url], sleep=pauses.append) as client, pytest.raises(NetworkError, match="stalled"):
        client.upload(signed(account, b"large"), large)
    assert len(pauses) == PATIENT_ROUNDS - 1


TOO_LARGE = b"HTTP/1.1 413 Large\r\nContent-Type: text/plain\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo much"


@pytest.mark.parametrize("raw", [(10 * MIB, TOO_LARGE, True)], indirect=True)
def test_a_refusal_in_the_middle_of_an_upload_is_heard(raw: RawServer, account: Account, large: Path) -> None:
    with NodeClient([raw.url]) as client, pytest.raises(RejectedError, match="too large for the node: too much"):
        client.upload(signed(account, b"large"), large)


def test_an_upload_cut_off_is_sent_again_whole(
    client: NodeClient, node: ScriptedNode, account: Account, tmp_path: Path
) -> None:
    data = bytes(range(256)) * 1000
    file = tmp_path / "image"
    file.write_bytes(data)
    message = signed(account, data)
    accepted = as_json({"status": "success", "hash": message.content["item_hash"]}, 202)
    node.on("POST", "/api/v0/storage/add_file", Answer(raw=b""), as_text("busy", 503), accepted)
    seen: list[int] = []
    assert client.upload(message, file, progress=seen.append) is MessageStatus.PENDING
    assert len(node.asked) == 3
    assert all(data in asked.body and message.signature.encode() in asked.body for asked in node.asked)
    assert seen.count(len(data)) == 3
    assert max(seen) == len(data)


def test_an_unreadable_file(client: NodeClient, account: Account, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="No such file"):
        client.upload(signed(account, b"x"), tmp_path / "none")


def test_the_next_node_is_asked_for_a_file_that_the_first_lacks(node: ScriptedNode, tmp_path: Path) -> None:
    other = ScriptedNode()
    try:
        name = hashlib.sha256(b"data").hexdigest()
        other.on("GET", f"/api/v0/storage/raw/{name}", Answer(200, b"data"))
        with NodeClient([node.url, other.url]) as client:
            client.download(name, tmp_path / "file")
            assert (tmp_path / "file").read_bytes() == b"data"
            with pytest.raises(NetworkError, match="has no file"):
                client.download("ab" * 32, tmp_path / "none")
        assert [path.name for path in tmp_path.iterdir()] == ["file"]
    finally:
        other.stop()


@pytest.mark.parametrize("name", ["", "nonsense", "Qm" + "0" * 44, "z" * 64])
def test_what_is_no_file_hash(client: NodeClient, node: ScriptedNode, tmp_path: Path, name: str) -> None:
    node.on("GET", "*", Answer(200, b"data"))
    with pytest.raises(NetworkError):
        client.download(name, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(client: NodeClient, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ArtifactError, match="cannot be written"):
        client.download("ab" * 32, tmp_path / "file" / "below")


def test_a_file_is_cut_at_the_size_that_was_promised(client: NodeClient, node: ScriptedNode, tmp_path: Path) -> None:
    data = b"x" * 5000
    name = hashlib.sha256(data).hexdigest()
    node.on("GET", f"/api/v0/storage/raw/{name}", Answer(200, data))
    with pytest.raises(NetworkError, match="sends more than the 4,999 bytes"):
        client.download(name, tmp_path / "file", size=4999)
    assert list(tmp_path.iterdir()) == []
    client.download(name, tmp_path / "file", size=5000)
    assert (tmp_path / "file").read_bytes() == data
