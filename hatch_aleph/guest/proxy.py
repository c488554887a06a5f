"""A client of HTTP/1.1 for one local server: one connection a request, the answer read piece by piece."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .request_cycle import ClientGone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .request_cycle import RequestCycle

# A server that listens on "localhost" may do so on either
_ADDRESSES = ("127.0.0.1", "::1")
_RETRY_SECONDS = 0.02
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTENING = "0A"  # TCP_LISTEN of the kernel's tcp_states.h
_BLOCK = 65536
_HEAD_LIMIT = 256 * 1024
_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)


class Gone(Exception):  # noqa: N818 - a condition, told to the client as 502
    """The connection ended before the answer did."""


class BrokenAnswer(ValueError):  # noqa: N818 - likewise
    """What came is not HTTP."""


class Upstream:
    """The server behind the proxy.

    Args:
        port: Where it listens, on the loopback interface.
    """

    def __init__(self, port: int) -> None:
        self._port = port

    async def wait_until_listening(self) -> None:
        """Return as soon as something listens on the port.

        The kernel's tables tell, without a connection that brings no request: small servers may not survive one.
        """
        if not sys.platform.startswith("linux"):
            _, writer = await self._connect()
            writer.close()
            return
        while not self.listens():  # noqa: ASYNC110 - the kernel signals no event
            await asyncio.sleep(_RETRY_SECONDS)

    def listens(self) -> bool:
        """Tell whether anything listens on the port, as far as the kernel tells."""
        return any(_listens(table, self._port) for table in _TABLES)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect, trying until it works: nothing was sent yet, so this repeats no request."""
        while True:
            for address in _ADDRESSES:
                with contextlib.suppress(OSError):
                    return await asyncio.open_connection(address, self._port, limit=_HEAD_LIMIT)
            await asyncio.sleep(_RETRY_SECONDS)

    async def fetch(self, cycle: RequestCycle) -> None:
        """Send the request of a request cycle and take its answer.

        Raises:
            Gone: When the server closed the connection too early.
            BrokenAnswer: When its answer cannot be read.
        """
        reader, writer = await self._connect()
        try:
            writer.write(request_head(cycle.scope))
            if cycle.body:  # an empty piece can keep asyncio from ever closing the connection
                writer.write(cycle.body)
            sending = asyncio.ensure_future(writer.drain())  # a server may answer before it has read all
            try:
                await self._take(reader, cycle)
            finally:
                sending.cancel()
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await sending
        except ClientGone:
            raise
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Gone from error
        except ValueError as error:  # of ours, and of a length that is no number or a line without an end
            raise BrokenAnswer(str(error)) from error
        finally:
            writer.close()

    async def _take(self, reader: asyncio.StreamReader, cycle: RequestCycle) -> None:
        status, headers = await read_head(reader)
        while status < 200:  # noqa: PLR2004 - 100 Continue, 103 Early Hints
            status, headers = await read_head(reader)
        cycle.begin(status, [one for one in headers if one[0] not in _HOP_BY_HOP])
        if cycle.scope["method"] != "HEAD" and status not in (204, 304):
            async for chunk in read_body(reader, headers):
                cycle.add(chunk)
        cycle.complete()


def listening_ports(group: int) -> list[int]:
    """Return the TCP ports on which the processes of a group listen; none where the kernel has no such tables."""
    inodes: set[str] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if os.getpgid(int(folder.name)) == group:
                inodes.update(str(each.readlink()) for each in (folder / "fd").iterdir())
    found = set()
    for table in _TABLES:
        with contextlib.suppress(OSError):
            for each in map(str.split, Path(table).read_text(encoding="ascii").splitlines()):
                if each[3] == _LISTENING and f"socket:[{each[9]}]" in inodes:
                    found.add(int(each[1].rpartition(":")[2], 16))
    return sorted(found)


def _listens(table: str, port: int) -> bool:
    """Look for a listening socket in a table of proc(5): field two is the local address, field four the state."""
    try:
        lines = Path(table).read_text(encoding="ascii").splitlines()
    except OSError:  # no IPv6
        return False
    fields = map(str.split, lines)
    return any(each[1].endswith(f":{port:04X}") and each[3] == _LISTENING for each in fields)


def request_head(scope: dict[str, Any]) -> bytes:
    """Write the request line and the headers of a complete scope."""
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    lines = [scope["method"].encode() + b" " + target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in scope["headers"] if name not in _HOP_BY_HOP]
    lines += [b"connection: close", b"", b""]
    return b"\r\n".join(lines)


async def read_head(reader: asyncio.StreamReader) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Read status and headers, names in lower case."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        message = f"its headers are larger than {_HEAD_LIMIT} bytes"
        raise BrokenAnswer(message) from error
    first, *lines = head[:-4].split(b"\r\n")
    version, _, rest = first.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        message = f"its first line is {first[:80]!r}"
        raise BrokenAnswer(message)
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon:
            message = f"one of its headers is {line[:80]!r}"
            raise BrokenAnswer(message)
        headers.append((name.strip().lower(), value.strip()))
    return int(rest[:3]), headers


async def read_body(reader: asyncio.StreamReader, headers: list[tuple[bytes, bytes]]) -> AsyncIterator[bytes]:
    """Give the pieces of a body as they come: chunked, of a known length, or until the end."""
    known = dict(headers)
    if known.get(b"transfer-encoding", b"").lower().endswith(b"chunked"):
        async for chunk in _read_chunks(reader):
            yield chunk
        return
    left = int(known[b"content-length"]) if b"content-length" in known else None
    while left is None or left > 0:
        chunk = await reader.read(_BLOCK if left is None else min(left, _BLOCK))
        if not chunk:
            if left is not None:
                raise asyncio.IncompleteReadError(chunk, left)
            return
        if left is not None:
            left -= len(chunk)
        yield chunk


async def _read_chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        line = await reader.readline()
        if not line:
            raise asyncio.IncompleteReadError(line, None)
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            return  # trailers have no way to the client
        yield await reader.readexactly(size)
        await reader.readexactly(2)
