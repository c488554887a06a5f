"""Reads each request to its end, which the init does not.

The init takes an instruction by a single ``reader.read`` (``handle_instruction`` in
``runtimes/aleph-debian-12-python/init1.py``, aleph-im/aleph-vm), which gives what has arrived so far: the rest of a
request that is split on its way is lost, and the host shuts the VM down. The init opens its server after it has
imported the program, so the readers that it will get can be completed from here.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

_HALT = b"halt"
_LEAST_MAP = 0x80  # a request is a map, whose first byte no text has
_USUAL = 4096  # bytes; few requests are longer


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

    def start_server(callback: Any, *args: Any, **options: Any) -> Any:
        # methods of compiled classes have None
        if (getattr(callback, "__module__", None) or "").partition(".")[0] == package:
            asyncio.start_server = original
            take, objects = callback, WholeObjects(msgpack)

            def callback(reader: Any, writer: Any) -> Any:
                return take(InstructionReader(reader, objects), writer)

        return original(callback, *args, **options)

    asyncio.start_server = start_server  # type: ignore[assignment]  # passes everything on


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


class InstructionReader:
    """A stream reader whose ``read`` gives one instruction: ``halt``, a msgpack object, or a shell command.

    Not a method put into the reader, which would keep it until garbage is collected, at a tenth of a request's cost.

    Args:
        reader: The stream reader.
        objects: Of the server.
    """

    __slots__ = ("_objects", "_reader")

    def __init__(self, reader: asyncio.StreamReader, objects: WholeObjects) -> None:
        self._reader = reader
        self._objects = objects

    def __getattr__(self, name: str) -> Any:
        """Be the stream reader in all else."""
        return getattr(self._reader, name)

    async def read(self, n: int = -1) -> bytes:
        """Read one instruction of at most ``n`` bytes; a shell command begins with ``!`` and has no end."""
        received = await self._reader.read(n)
        if received and received[0] >= _LEAST_MAP:
            unpacker = self._objects.begin(received)
            return received if unpacker is None else await self._read_rest(received, unpacker, n)
        return await self._read_halt(received)

    async def _read_halt(self, received: bytes) -> bytes:
        while received and received != _HALT and _HALT.startswith(received):
            piece = await self._reader.read(len(_HALT) - len(received))
            if not piece:
                break
            received += piece
        return received

    async def _read_rest(self, received: bytes, unpacker: Any, limit: int) -> bytes:
        pieces, size = [received], len(received)
        while size < limit:
            piece = await self._reader.read(limit - size)
            pieces.append(piece)
            size += len(piece)
            if not piece or self._objects.ends(unpacker, piece):
                break
        return b"".join(pieces)
