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
        loop, objects = asyncio.get_running_loop(), WholeObjects(msgpack)

        def protocol() -> asyncio.StreamReaderProtocol:
            reader = InstructionReader(limit, loop)
            reader.objects = objects
            return asyncio.StreamReaderProtocol(reader, callback, loop=loop)

        return loop.create_server(protocol, host, port, **options)

    asyncio.start_server = start_server


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


class InstructionReader(asyncio.StreamReader):
    """A stream reader that gives one instruction at once: ``halt``, a msgpack object, or a shell command.

    It holds back what it is fed: a ``read`` around the stream's own would be one coroutine more in each request, and
    one put into the reader would keep it until garbage is collected.

    Attributes:
        objects: Of the server.
    """

    objects: WholeObjects
    _held: list[bytes] | None = None  # what has arrived of an instruction that is not whole
    _unpacker: Any = None  # takes the next piece; None where it is no object
    _size = 0

    def feed_data(self, data: Any) -> None:
        """Take what has arrived, some bytes."""
        if self._held is None and data[0] >= _LEAST_MAP:
            self._unpacker = self.objects.begin(data)
            if self._unpacker is None:
                super().feed_data(data)
            else:
                self._held, self._size = [data], len(data)
        else:
            self._hold(data)

    def feed_eof(self) -> None:
        """Give what there is: no more comes."""
        self._give()
        super().feed_eof()

    def _hold(self, data: bytes) -> None:
        """Add a piece; a shell command begins with ``!`` and has no end."""
        held = self._held = self._held or []
        held.append(data)
        self._size += len(data)
        if self._unpacker is None:
            text = b"".join(held)
            is_whole = text == _HALT or not _HALT.startswith(text)
        else:
            is_whole = self._size >= _MOST or self.objects.ends(self._unpacker, data)
        if is_whole:
            self._give()

    def _give(self) -> None:
        held, self._held, self._unpacker, self._size = self._held, None, None, 0
        if held:
            super().feed_data(b"".join(held))
