"""Threads that compress: small, because importing concurrent.futures takes as long as packing a small tree."""

from __future__ import annotations

import os
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")
State = TypeVar("State")


class Job(Generic[T]):
    """Something that a thread is to do, and then its result."""

    __slots__ = ("_done", "_error", "_result", "_work")

    def __init__(self, work: Callable[[Any], T]) -> None:
        self._work = work
        self._done = threading.Lock()
        self._done.acquire()
        self._result: T | None = None
        self._error: BaseException | None = None

    def run(self, state: Any) -> None:
        """Do it, in the thread that calls."""
        try:
            self._result = self._work(state)
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that asks for the result
            self._error = error
        finally:
            self._done.release()

    @property
    def done(self) -> bool:
        """Whether ``result`` would return at once."""
        return not self._done.locked()

    def result(self) -> T:
        """Wait, then return what came out or raise what went wrong."""
        with self._done:
            if self._error is not None:
                raise self._error
            return self._result  # type: ignore[return-value] # set whenever there is no error


class Pool(Generic[State]):
    """Threads that take jobs in the order given; each has a state of its own, made by ``make_state``.

    Leaving the context without an error waits for nothing: ask each job for its result before.
    """

    def __init__(self, workers: int | None, make_state: Callable[[], State]) -> None:
        self.workers = workers or _processors()
        self._make_state = make_state
        self._jobs: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stopped = False

    def __enter__(self) -> Pool[State]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def submit(self, work: Callable[[State], T]) -> Job[T]:
        """Queue a job."""
        job = Job(work)
        self._jobs.put(job)
        if len(self._threads) < self.workers:  # so that a small image starts one thread, not sixty-four
            thread = threading.Thread(target=self._serve, name="squashfs", daemon=True)
            self._threads.append(thread)
            thread.start()
        return job

    def _serve(self) -> None:
        state = self._make_state()
        while (job := self._jobs.get()) is not None:
            if not self._stopped:
                job.run(state)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
