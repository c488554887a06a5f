"""Threads: small, because importing concurrent.futures takes as long as packing a small tree."""

from __future__ import annotations

import os
import threading
from queue import SimpleQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any


_A_LOOK = 1  # second


class Job:
    """Something that a thread is to do, and then its result."""

    __slots__ = ("_done", "_error", "_result", "_work")

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._work = work
        self._done = threading.Lock()
        self._done.acquire()
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self, worker: Any) -> None:
        """Do it, in the thread that calls."""
        try:
            self._result = self._work(worker)
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that asks for the result
            self._error = error
        finally:
            self._done.release()

    @property
    def done(self) -> bool:
        """Whether ``result`` would return at once."""
        return not self._done.locked()

    @property
    def failed(self) -> bool:
        """Whether ``result`` would raise at once."""
        return self.done and self._error is not None

    def result(self) -> Any:
        """Wait, then return what came out or raise what went wrong."""
        # A signal that comes between Python's last look for one and the system call that waits would wake nobody.
        while not self._done.acquire(timeout=_A_LOOK):
            pass
        self._done.release()
        if self._error is not None:
            raise self._error
        return self._result


class Pool:
    """Threads that take jobs in the order given; each has a worker of its own.

    Leaving the context drops jobs that no thread has begun: ask each one for its result before.

    Args:
        workers: Number of threads; None means one for each processor of this process.
        make_worker: Called in each thread.
    """

    def __init__(self, workers: int | None, make_worker: Callable[[], Any]) -> None:
        self.workers = workers or processors()
        self._make_worker = make_worker
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stopped = False

    def __enter__(self) -> Pool:  # noqa: PYI034 - Self stands in typing only since Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def submit(self, work: Callable[[Any], Any]) -> Job:
        """Queue a job."""
        job = Job(work)
        self._jobs.put(job)
        if len(self._threads) < self.workers:  # so that a small image starts one thread, not sixty-four
            thread = threading.Thread(target=self._serve, name="worker", daemon=True)
            self._threads.append(thread)
            thread.start()
        return job

    def _serve(self) -> None:
        worker: Any = None
        while (job := self._jobs.get()) is not None:
            if not self._stopped:
                worker = worker or self._make_worker()
                job.run(worker)


def in_background(work: Callable[[], Any]) -> Job:
    """Begin a call in a thread of its own, and return what gives its result."""
    job = Job(lambda _: work())
    threading.Thread(target=job.run, args=(None,), name="background", daemon=True).start()
    return job


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
