"""A Ledger in software: the commands of its Ethereum app, in this process or over the wire protocol of Speculos."""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
from typing import TYPE_CHECKING, Any

from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct
from ledgerblue.commException import CommException

if TYPE_CHECKING:
    from collections.abc import Iterator

GET_ADDRESS, GET_CONFIGURATION, SIGN_MESSAGE = 0x02, 0x06, 0x08
DECLINED, LOCKED = 0x6985, 0x6B0C


def key_of(path: bytes) -> Any:
    """Return the key of a path, which its account number (44'/60'/NUMBER'/0/0) chooses."""
    number = struct.unpack_from(">I", path, 8)[0] & 0x7FFFFFFF
    return EthAccount.from_key(bytes([7 + number]) * 32)


class Device:
    """The Ethereum app of a Ledger, as far as messages are signed on it.

    Attributes:
        fails: Status word of every answer but the first question's; None while it works.
        asked: Instructions that came, in order.
    """

    def __init__(self) -> None:
        self.key = EthAccount.from_key(b"\x07" * 32)
        self.fails: int | None = None
        self.asked: list[int] = []
        self._text = b""
        self._length = 0

    def exchange(self, apdu: bytes, timeout: int = 20000) -> bytes:
        """Answer a command, as the library's own transports do."""
        self.asked.append(apdu[1])
        instruction, first, data = apdu[1], apdu[2] == 0, bytes(apdu[5 : 5 + apdu[4]])
        if self.fails and instruction != GET_CONFIGURATION:
            raise CommException("refused", self.fails)
        if instruction == GET_CONFIGURATION:
            return bytes([0, 1, 10, 0])
        if instruction == GET_ADDRESS:
            address = key_of(data[1:]).address[2:].encode()
            return bytes([65]) + bytes(65) + bytes([len(address)]) + address
        assert instruction == SIGN_MESSAGE
        if first:
            self.key, data = key_of(data[1:]), data[1 + 4 * data[0] :]
            self._length, self._text = struct.unpack(">I", data[:4])[0], data[4:]
        else:
            self._text += data
        if len(self._text) < self._length:
            return b"\x00" * 65
        signed = self.key.sign_message(encode_defunct(primitive=self._text))
        return bytes([signed.v]) + signed.r.to_bytes(32, "big") + signed.s.to_bytes(32, "big")


@contextlib.contextmanager
def plugged_in(device: Device) -> Iterator[dict[str, str]]:
    """Serve a device on a port of this machine; yield the variables by which the Ledger's own library finds it.

    Each command and answer is preceded by its length; the status word follows (``ledgerblue/commTCP.py``). Speculos,
    the Ledger's own emulator, serves its devices so.
    """

    class Wire(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while length := self.rfile.read(4):
                try:
                    answer, status = device.exchange(self.rfile.read(*struct.unpack(">I", length))), 0x9000
                except CommException as error:
                    answer, status = b"", error.sw
                self.wfile.write(struct.pack(">I", len(answer)) + answer + struct.pack(">H", status))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Wire) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield {"LEDGER_PROXY_ADDRESS": "127.0.0.1", "LEDGER_PROXY_PORT": str(server.server_address[1])}
        server.shutdown()
