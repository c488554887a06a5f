"""Compiles Python sources with the runtime's own interpreter, in long-lived workers, to bytes that never vary."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, final

from hatch_aleph.environment import variables
from hatch_aleph.errors import HatchAlephError
from hatch_aleph.squashfs.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.squashfs.pool import Job

_WORKER, _WRITTEN = (str(Path(__file__).with_name(name)) for name in ("compile_worker.py", "dataclass_methods.py"))
_AHEAD = 8  # requests in a pipe at once: a worker never waits for us, and no pipe ever fills
_SMALL = 4096  # a longer request goes alone


class Batch:
    """Sources that are wanted together.

    Args:
        names: What each is called in the guest.
        sources: A path, or the bytes themselves.
        levels: Optimization of each: 0 keeps docstrings and asserts, 2 leaves both out; WITH_WRITTEN of
            ``compile_worker.py`` may be added.

    Attributes:
        results: The content of each ``.pyc``; empty for what cannot be compiled.
        jobs: Its pieces, each the work of one process.
        done: Those that are over, in the order in which they ended.
        on_piece: Called after each piece, by the thread that had it done.
    """

    def __init__(self, names: Sequence[str], sources: Sequence[Path | bytes], levels: Sequence[int]) -> None:
        self.names, self.sources, self.levels = names, sources, levels
        self.results = [b""] * len(names)
        self.jobs: list[Job] = []
        self.done: list[Sequence[int]] = []
        self.on_piece: Callable[[], None] = lambda: None

    def compile(self, piece: Sequence[int], process: _Process) -> None:
        """Compile some of the sources."""
        try:
            process.converse(self, piece)
        except (OSError, EOFError):
            process.stop()
            raise
        finally:
            self.done.append(piece)
            self.on_piece()

    def wait(self) -> list[bytes]:
        """Return the results when all are there.

        Raises:
            HatchAlephError: When the interpreter broke down.
        """
        try:
            for job in self.jobs:
                job.result()
        except (OSError, EOFError) as error:
            raise HatchAlephError(f"The interpreter that makes bytecode failed: {error}") from error
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
        self._processes: list[_Process] = []
        self._pool = Pool(workers, self._process)

    def __enter__(self) -> Compiler:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.__exit__(kind, error, trace)
        for process in self._processes:
            process.stop()

    def submit(self, names: Sequence[str], sources: Sequence[Path | bytes], levels: Sequence[int] = ()) -> Batch:
        """Queue sources, at optimization 0 unless levels say otherwise; workers start as they are needed."""
        batch = Batch(names, sources, levels or [0] * len(names))
        batch.jobs += [self._pool.submit(partial(batch.compile, piece)) for piece in _pieces(sources)]
        return batch

    def _process(self) -> _Process:
        process = _Process(self._interpreter)
        self._processes.append(process)
        return process


class _Process:
    """A worker: a process of the interpreter, started for its first piece, and once more after it broke down."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._process: subprocess.Popen[bytes] | None = None

    def converse(self, batch: Batch, piece: Sequence[int]) -> None:
        """Let it compile some sources of a batch.

        Raises:
            OSError: It does not start, or is gone.
            EOFError: It ended before it answered.
        """
        self._process = self._process or self._start()
        request, answer = self._process.stdin, self._process.stdout
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

    def _start(self) -> subprocess.Popen[bytes]:
        # -I would ignore PYTHONHASHSEED, which decides the order of sets in bytecode before Python 3.11.
        environ = {name: value for name, value in variables().items() if not name.startswith("PYTHON")}
        return subprocess.Popen(
            [str(self._interpreter.path), "-S", "-s", "-B", "-W", "ignore", _WORKER, _WRITTEN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environ, "PYTHONHASHSEED": "0"},
            cwd=self._interpreter.path.parent,
        )

    def stop(self) -> None:
        """End it; its own way out would take longer than compiling a small project."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


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
