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
        loop, reader_class = asyncio.get_running_loop(), _reader_class(WholeObjects(msgpack))

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(reader_class(limit, loop), callback, loop=loop)

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


def _reader_class(objects: WholeObjects) -> type[asyncio.StreamReader]:
    """Make the readers of a server, whose ``read`` gives ``halt``, a msgpack object or a shell command at once.

    They hold back what they are fed. All requests pass here, so what is whole meets nothing that could be left out: a
    ``read`` around the stream's own, or state that each connection sets up, costs a hundredth of a request.
    """
    begin, feed = objects.begin, asyncio.StreamReader.feed_data

    class InstructionReader(asyncio.StreamReader):
        def feed_data(self, data: Any) -> None:
            if data[0] < _LEAST_MAP:
                _hold(self, objects, None, data)
            elif unpacker := begin(data):
                _hold(self, objects, unpacker, data)
            else:
                feed(self, data)

    return InstructionReader


def _hold(reader: asyncio.StreamReader, objects: WholeObjects, unpacker: Any, piece: bytes) -> None:
    """Keep the beginning of an instruction until the rest has come, or the end of all.

    Args:
        reader: Where it is fed then.
        objects: Of the server.
        unpacker: Has the beginning of an object, and takes the next piece; None for what is no object.
        piece: The first.
    """
    held: list[bytes] = []

    def give() -> None:
        del reader.feed_data, reader.feed_eof  # its class has them
        asyncio.StreamReader.feed_data(reader, b"".join(held))

    def feed_data(piece: bytes) -> None:
        held.append(piece)
        if unpacker is None:
            text = b"".join(held)
            is_whole = text == _HALT or not _HALT.startswith(text)  # a shell command begins with ! and has no end
        else:
            is_whole = len(held) > 1 and objects.ends(unpacker, piece)
        if is_whole or sum(map(len, held)) >= _MOST:
            give()

    def feed_eof() -> None:
        give()
        reader.feed_eof()

    reader.feed_data, reader.feed_eof = feed_data, feed_eof  # type: ignore[method-assign,assignment]
    feed_data(piece)
