"""Reads each request to its end, which the init does not.

The init takes an instruction by a single ``reader.read`` (``handle_instruction`` in
``runtimes/aleph-debian-12-python/init1.py``, aleph-im/aleph-vm), which gives what has arrived so far: the rest of a
request that is split on its way is lost, and the host shuts the VM down. The init opens its server after it has
imported the program, so the readers that it will get can be completed from here.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_HALT = b"halt"


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
        if getattr(callback, "__module__", "").partition(".")[0] == package:
            asyncio.start_server = original
            callback = functools.partial(_connected, callback, msgpack)
        return original(callback, *args, **options)

    asyncio.start_server = start_server  # type: ignore[assignment]  # passes everything on


async def _connected(callback: Callable[..., Any], msgpack: Any, reader: Any, writer: Any) -> None:
    reader.read = functools.partial(_read_whole, reader.read, msgpack)
    await callback(reader, writer)


async def _read_whole(read: Callable[[int], Any], msgpack: Any, limit: int) -> bytes:
    """Read one instruction: ``halt``, a msgpack object, or a shell command, which begins with ``!`` and has no end."""
    received: bytes = await read(limit)
    while received and _HALT.startswith(received) and received != _HALT:
        piece = await read(limit)
        if not piece:
            break
        received += piece
    if received == _HALT or received.startswith(b"!"):
        return received
    pieces = [received]
    size = len(received)
    unpacker = msgpack.Unpacker(raw=False, read_size=size or 1)  # by itself it takes a megabyte
    while pieces[-1] and size < limit and not _completes(unpacker, pieces[-1], msgpack):
        pieces.append(await read(limit - size))
        size += len(pieces[-1])
    return b"".join(pieces)


def _completes(unpacker: Any, piece: bytes, msgpack: Any) -> bool:
    """Tell whether a piece ends the object; one that is no msgpack is for the init to judge."""
    unpacker.feed(piece)
    try:
        unpacker.skip()
    except msgpack.OutOfData:
        return False
    except Exception:  # noqa: BLE001 - its kind depends on the version of msgpack
        return True
    return True
