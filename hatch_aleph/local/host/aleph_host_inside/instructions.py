"""The guest's side of the wire: one configuration, then one connection per instruction, until ``halt``."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import traceback
from typing import TYPE_CHECKING, Any, Protocol

import msgpack

from . import asgi_interface, executable_interface

if TYPE_CHECKING:
    import socket

INIT_READ = 10_000_000  # bytes that the init asks for in its one read of a request
# asyncio reads at most this much at once (`max_size` in asyncio/selector_events.py): what does not fit never arrives,
# unless the adapter, which replaces the reader, holds it back until it is complete.
LARGEST_READ = 256 * 1024
_LARGEST_INSTRUCTION = 10_000_000
_INIT_VERSION = "2.0.0"
_TOLD = 500  # bytes of each instruction stand in the guest's log

log = logging.getLogger("__main__")


class Program(Protocol):
    """A started program of either interface."""

    async def run(self, scope: dict[str, Any]) -> dict[str, Any]:
        """Answer one scope."""

    async def halt(self) -> None:
        """End the program."""


async def serve(listener: socket.socket, plan: dict[str, Any]) -> None:
    """Take the configuration, start the program, then answer instructions until told to halt.

    A program that cannot be started is told to the host with its traceback, then the process ends with it.
    """
    _set_environment(plan)
    listener.setblocking(True)
    connection, _ = listener.accept()
    configuration = _receive_configuration(connection)
    for key, value in (configuration["variables"] or {}).items():
        os.environ[key] = value
    if configuration["input_data"] and plan["data_root"]:
        asgi_interface.unzip(configuration["input_data"], plan["data_root"], keep_as="/opt/input.zip")
    try:
        program = await _start(configuration, plan)
    except Exception as error:
        told = {"success": False, "error": str(error), "traceback": traceback.format_exc()}
        connection.sendall(msgpack.dumps(told))
        log.exception("Program could not be started")
        raise
    connection.sendall(msgpack.dumps({"success": True}))
    connection.close()
    await _Server(listener, program, reads_once=plan["reads_once"]).run()


def _set_environment(plan: dict[str, Any]) -> None:
    """Set what the init sets for the SDK (init1.py, module level and setup_hostname)."""
    os.environ["ALEPH_INIT_VERSION"] = _INIT_VERSION
    for name in ("API", "REMOTE_CRYPTO"):
        os.environ[f"ALEPH_{name}_HOST"] = "http://localhost"
        os.environ[f"ALEPH_{name}_UNIX_SOCKET"] = plan["guest_api"]
    os.environ["ALEPH_ADDRESS_TO_USE"] = plan["hostname"]


def _receive_configuration(connection: socket.socket) -> dict[str, Any]:
    with connection.makefile("rb") as stream:
        length = int(stream.readline())
        configuration: dict[str, Any] = msgpack.loads(stream.read(length), raw=False)
    return configuration


async def _start(configuration: dict[str, Any], plan: dict[str, Any]) -> Program:
    if configuration["interface"] == "executable":
        return executable_interface.start(configuration, plan)
    return await asgi_interface.start(configuration, plan)


class _Server:
    def __init__(self, listener: socket.socket, program: Program, *, reads_once: bool) -> None:
        self._listener = listener
        self._program = program
        self._halted = asyncio.Event()
        self._read = _read_once if reads_once else _read_whole

    async def run(self) -> None:
        server = await asyncio.start_server(self._connected, sock=self._listener)
        async with server:
            await self._halted.wait()
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one instruction. What escapes closes the connection without a byte, which the host sees as a 502."""
        try:
            # another protocol is the adapter's, which completes the reading
            is_bare = type(writer.transport.get_protocol()) is asyncio.StreamReaderProtocol
            instruction = await (self._read if is_bare else _read_once)(reader)
            log.debug("Received %s", instruction[:_TOLD])
            if instruction == b"halt":
                await self._halt(writer)
            elif instruction.startswith(b"!"):
                writer.write(_shell(instruction[1:].decode()))
            else:
                writer.write(await self._run(msgpack.loads(instruction, raw=False)["scope"]))
            await writer.drain()
        finally:
            writer.close()

    async def _run(self, scope: dict[str, Any]) -> bytes:
        try:
            result = await self._program.run(scope)
            packed: bytes = msgpack.dumps({"output_data": None, **result, "output": ""}, use_bin_type=True)
        except Exception as error:  # noqa: BLE001 - the program's errors are its answer
            return bytes(msgpack.dumps({"error": str(error), "traceback": traceback.format_exc(), "output": None}))
        return packed

    async def _halt(self, writer: asyncio.StreamWriter) -> None:
        await self._program.halt()
        writer.write(b"STOP\nSTOPZ\n")
        self._halted.set()


async def _read_once(reader: asyncio.StreamReader) -> bytes:
    """Read an instruction as the init does: what is split on the way is lost (handle_instruction)."""
    return await reader.read(_LARGEST_INSTRUCTION)


async def _read_whole(reader: asyncio.StreamReader) -> bytes:
    """Read an instruction as one read of the init gives it at best: whole up to the limit, cut beyond it."""
    instruction = await reader.read(INIT_READ)
    while len(instruction) < LARGEST_READ and not _is_whole(instruction):
        more = await reader.read(LARGEST_READ - len(instruction))
        if not more:
            break
        instruction += more
    return instruction


def _is_whole(instruction: bytes) -> bool:
    if instruction == b"halt" or instruction.startswith(b"!"):
        return True
    unpacker = msgpack.Unpacker(raw=False)
    unpacker.feed(instruction)
    try:
        unpacker.skip()
    except msgpack.OutOfData:
        return False
    return True


def _shell(command: str) -> bytes:
    try:
        return subprocess.check_output(command, stderr=subprocess.STDOUT, shell=True)  # noqa: S602 - the host's command
    except subprocess.CalledProcessError as error:
        return f"{error}\n".encode() + bytes(error.output)
