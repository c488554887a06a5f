"""Reads each request to its end, which the init does not.

The init takes an instruction by a single ``reader.read`` (``handle_instruction`` in
``runtimes/aleph-debian-12-python/init1.py``, aleph-im/aleph-vm), which gives what has arrived so far: the rest of a
request that is split on its way is lost, and the host shuts the VM down. The init opens its server after it has
imported the program, so it can be given readers that hold a request back until it is complete.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from .eager_task import start_eagerly

_HALT = b"halt"
_LEAST_MAP = 0x80  # a request is a map, whose first byte no text has
_USUAL = 4096  # bytes; few requests are longer
_MOST = 10_000_000  # bytes; the init reads no more


def complete_reads(init: str) -> None:
    """Let the server that the init is about to open read each msgpack object to its end.

    The init's own msgpack judges what is complete: it is what will unpack the request, and it is always loaded.

    Args:
        init: Name of the module that asked for the entrypoint; servers of the app's own are left alone.
    """
    msgpack = sys.modules.get("msgpack")
    if msgpack is None:  # no init that takes requests
        return
    original = asyncio.start_server
    package = init.partition(".")[0]

    def start_server(callback: Any, host: Any = None, port: Any = None, *, limit: int = 2**16, **options: Any) -> Any:
        # methods of compiled classes have None
        if (getattr(callback, "__module__", None) or "").partition(".")[0] != package:
            return original(callback, host, port, limit=limit, **options)
        asyncio.start_server = original
        loop, objects = asyncio.get_running_loop(), WholeObjects(msgpack)

        def protocol() -> asyncio.BaseProtocol:
            return InstructionProtocol(objects, callback, asyncio.StreamReader(limit, loop), loop)

        return loop.create_server(protocol, host, port, **options)

    asyncio.start_server = start_server  # type: ignore[assignment]  # as wide as the declared one


class WholeObjects:
    """Tells where msgpack objects end.

    One unpacker serves as long as each object ends where its bytes do: making one clears 40 KB, which costs more than
    all else here.

    Args:
        msgpack: The module.
    """

    def __init__(self, msgpack: Any) -> None:
        self._msgpack = msgpack
        self._renew()

    def _renew(self) -> None:
        self._unpacker: Any = self._msgpack.Unpacker(raw=False, read_size=_USUAL)  # by itself it takes a megabyte
        self._position = 0

    def begin(self, piece: bytes) -> Any:
        """Take the first piece of an object; return None if it is whole, else the unpacker that takes the next."""
        unpacker = self._unpacker
        unpacker.feed(piece)
        try:
            unpacker.skip()
        except self._msgpack.OutOfData:
            self._renew()
            return unpacker
        except Exception:  # noqa: BLE001 - its kind depends on the version of msgpack
            self._renew()
            return None  # no msgpack: for the init to judge
        self._position += len(piece)
        if self._position != unpacker.tell() or len(piece) > _USUAL:
            self._renew()
        return None

    def ends(self, unpacker: Any, piece: bytes) -> bool:
        """Tell whether another piece ends an object."""
        unpacker.feed(piece)
        try:
            unpacker.skip()
        except self._msgpack.OutOfData:
            return False
        except Exception:  # noqa: BLE001 - as above
            return True
        return True


class InstructionProtocol(asyncio.StreamReaderProtocol):
    """Opens a stream when its instruction has arrived whole: ``halt``, a msgpack object or a shell command.

    The init's handler begins then, and its one read waits for nothing: that takes less time than reading here adds.

    Args:
        objects: Of the server.
        handler: The init's.
        reader: Gets what arrives.
        loop: The running event loop.
    """

    _unopened: asyncio.Transport | None = None
    _pieces: list[bytes] | None = None
    _unpacker: Any = None  # has the beginning of an object; None for what is no object

    def __init__(
        self, objects: WholeObjects, handler: Any, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(reader, loop=loop)
        self._objects, self._handler, self._reader, self._running_loop = objects, handler, reader, loop

    def connection_made(self, transport: Any) -> None:
        """Keep the connection until there is something to read."""
        self._unopened = transport

    def data_received(self, data: bytes) -> None:
        """Open the stream with an instruction; hold back the beginning of one."""
        if self._unopened is None:
            super().data_received(data)
        elif self._pieces is not None:
            self._hold(data)
        elif data[0] < _LEAST_MAP:
            self._pieces = []
            self._hold(data)
        elif unpacker := self._objects.begin(data):
            self._pieces, self._unpacker = [data], unpacker
        else:
            self._open(data)

    def eof_received(self) -> bool | None:
        """Let the init judge what ends too early."""
        self._open(b"".join(self._pieces or ()))
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the init judge what ends too early."""
        self._open(b"".join(self._pieces or ()))
        super().connection_lost(exc)

    def _hold(self, piece: bytes) -> None:
        """Keep a piece until the rest has come."""
        held = self._pieces = [*(self._pieces or ()), piece]
        if self._unpacker is None:
            text = b"".join(held)
            is_whole = text == _HALT or not _HALT.startswith(text)  # a shell command begins with ! and has no end
        else:
            is_whole = self._objects.ends(self._unpacker, piece)
        if is_whole or sum(map(len, held)) >= _MOST:
            self._open(b"".join(held))

    def _open(self, instruction: bytes) -> None:
        """Give the init what has arrived, unless it has it."""
        transport, self._unopened = self._unopened, None
        if transport is not None:
            reader, loop = self._reader, self._running_loop
            super().connection_made(transport)
            reader.feed_data(instruction)
            writer = asyncio.StreamWriter(transport, self, reader, loop)
            self._handled = start_eagerly(loop, self._handler(reader, writer), "instruction")  # kept while it runs
