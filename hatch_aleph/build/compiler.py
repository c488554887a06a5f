"""Compiles Python sources with the runtime's own interpreter, in long-lived workers, to bytes that never vary."""

from __future__ import annotations

import os
import subprocess
import threading
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, final

from hatch_aleph.environment import variables
from hatch_aleph.errors import HatchAlephError
from hatch_aleph.squashfs.pool import processors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from hatch_aleph.interpreters import Interpreter

# Runs inside the other interpreter, so it imports only what is built into every one: no folder can shadow it.
# marshal's default format depends on reference counts and on what was interned before; version 2 has no references.
# PEP 552: flag 1 alone means a hash that is not checked, so neither mtime nor content of the source is ever read;
# with flag 2 the source's is compared.
_WORKER = """
import gc, sys, marshal, _imp
from _frozen_importlib_external import MAGIC_NUMBER as magic
read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
number = int.from_bytes
key = number(magic, "little")
gc.disable()  # compiling makes no cycles
while True:
    head = read(13)
    if len(head) < 13:
        break
    name = read(number(head[:4], "little")).decode("utf-8", "surrogateescape")
    path = read(number(head[4:8], "little")).decode("utf-8", "surrogateescape")
    source = read(number(head[8:12], "little"))
    try:
        if path:
            with open(path, "rb") as file:
                source = file.read()
        code = compile(source, name, "exec", dont_inherit=True, optimize=head[12] & 3)
        flags = b"\\3\\0\\0\\0" if head[12] & 4 else b"\\1\\0\\0\\0"
        pyc = magic + flags + _imp.source_hash(key, source) + marshal.dumps(code, 2)
    except Exception:
        pyc = b""
    write(len(pyc).to_bytes(4, "little") + pyc)
    sys.stdout.flush()
"""
CHECKED = 4  # added to an optimization: the bytecode is good for the very source only
_AHEAD = 8  # requests in a pipe at once: a worker never waits for us, and no pipe ever fills
_SMALL = 4096  # a longer request goes alone


@dataclass
class Batch:
    """Sources that are wanted together.

    Attributes:
        names: What each is called in the guest.
        sources: A path, or the bytes themselves.
        levels: Optimization of each: 0 keeps docstrings and asserts, 2 leaves both out; CHECKED may be added.
        results: The content of each ``.pyc``; empty for what cannot be compiled.
        left: How many pieces are not done yet.
        on_piece: Called after each piece, by the thread that had it done.
    """

    names: Sequence[str]
    sources: Sequence[Path | bytes]
    levels: Sequence[int]
    results: list[bytes] = field(default_factory=list)
    left: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None
    on_piece: Callable[[], None] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count_down(self) -> None:
        """Note that a piece is done."""
        with self.lock:
            self.left -= 1
            if self.left == 0:
                self.done.set()
        self.on_piece()

    def wait(self) -> list[bytes]:
        """Return the results when all are there.

        Raises:
            HatchAlephError: When the interpreter broke down.
        """
        self.done.wait()
        if self.error is not None:
            raise HatchAlephError(f"The interpreter that makes bytecode failed: {self.error}") from self.error
        return self.results


@final
class Compiler:
    """A pool of workers of one interpreter.

    Args:
        interpreter: Of the runtime's minor version.
        workers: Processes; None for one per processor.
    """

    def __init__(self, interpreter: Interpreter, workers: int | None = None) -> None:
        self._interpreter = interpreter
        self._count = workers or processors()
        self._queue: SimpleQueue[tuple[Batch, Sequence[int]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stopped = False

    def __enter__(self) -> Compiler:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def submit(self, names: Sequence[str], sources: Sequence[Path | bytes], levels: Sequence[int] = ()) -> Batch:
        """Queue sources, at optimization 0 unless levels say otherwise; workers start as they are needed."""
        batch = Batch(names, sources, levels or [0] * len(names), [b""] * len(names))
        pieces = list(_pieces(sources))
        batch.left = len(pieces)
        if not pieces:
            batch.done.set()
        for piece in pieces:
            self._queue.put((batch, piece))
        while len(self._threads) < min(self._count, len(pieces)):
            thread = threading.Thread(target=self._serve, name="bytecode", daemon=True)
            self._threads.append(thread)
            thread.start()
        return batch

    def _serve(self) -> None:
        process: subprocess.Popen[bytes] | None = None
        try:
            while (item := self._queue.get()) is not None:
                if self._stopped:
                    continue
                batch, piece = item
                try:
                    process = process or self._start()
                    self._converse(process, batch, piece)
                except (OSError, EOFError) as error:
                    batch.error = error
                    _stop(process)
                    process = None
                batch.count_down()
        finally:
            _stop(process)

    def _start(self) -> subprocess.Popen[bytes]:
        # -I would ignore PYTHONHASHSEED, which decides the order of sets in bytecode before Python 3.11.
        environ = {name: value for name, value in variables().items() if not name.startswith("PYTHON")}
        return subprocess.Popen(
            [str(self._interpreter.path), "-S", "-s", "-B", "-W", "ignore", "-c", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environ, "PYTHONHASHSEED": "0"},
            cwd=self._interpreter.path.parent,
        )

    @staticmethod
    def _converse(process: subprocess.Popen[bytes], batch: Batch, piece: Sequence[int]) -> None:
        request, answer = process.stdin, process.stdout
        if request is None or answer is None:
            raise EOFError("no pipe")
        for index in piece:
            request.write(_request(batch.names[index], batch.sources[index], batch.levels[index]))
        request.flush()
        for index in piece:
            head = answer.read(4)
            size = int.from_bytes(head, "little")
            batch.results[index] = answer.read(size)
            if not head or len(batch.results[index]) != size:
                raise EOFError(f"{batch.names[index]} ended it")


def _stop(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.kill()  # it waits for work; its own way out would take longer than compiling a small project
        process.communicate()


def _request(name: str, source: Path | bytes, level: int) -> bytes:
    text = name.encode("utf-8", "surrogateescape")
    path, content = (b"", source) if isinstance(source, bytes) else (os.fsencode(source), b"")
    head = b"".join(len(part).to_bytes(4, "little") for part in (text, path, content))
    return head + bytes([level]) + text + path + content


def _pieces(sources: Sequence[Path | bytes]) -> list[list[int]]:
    pieces: list[list[int]] = []
    room = 0
    for index, source in enumerate(sources):
        alone = isinstance(source, bytes) and len(source) > _SMALL
        if alone or not room:
            pieces.append([])
            room = _AHEAD
        pieces[-1].append(index)
        room = 0 if alone else room - 1
    return pieces
