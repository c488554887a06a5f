"""Threads of the operating system, also when the app has put greenlets in their place.

gevent and eventlet replace what ``threading`` is made of when the app is imported. Their loop never runs in the init's
thread, which runs asyncio's, so a thread that is a greenlet would wait there for ever. Imported before the app.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # thirty times as fast as `signal`, which makes objects of the numbers
import _thread
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_start, _lock = _thread.start_new_thread, _thread.allocate_lock
_SIGNALS = _signal.valid_signals()


def start(target: Callable[..., Any], *args: Any) -> None:
    """Run a function in a thread that ``threading`` knows nothing of: gevent refuses to replace it beside another.

    It takes no signals: one that the app has blocked, to wait for it, would come here and end the program.
    """
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, _SIGNALS)  # what a thread begins with
    try:
        _start(target, args)
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)


def start_later(seconds: float, target: Callable[..., Any], *args: Any) -> Callable[[], None]:
    """Run a function in such a thread after a time, unless what is returned is called before.

    A thread that sleeps makes each system call of the others dearer, as they share their files with it.
    """
    waiting = _lock()
    waiting.acquire()

    def wait() -> None:
        if not waiting.acquire(timeout=seconds):
            target(*args)

    start(wait)
    return waiting.release


class Threads:
    """Threads that run what they are given, started as they are needed.

    Args:
        name: What their names begin with.
        most: How many there may be.
    """

    def __init__(self, name: str, most: int) -> None:
        from _queue import SimpleQueue  # what is in ``queue`` may have been replaced; few programs need it

        self._name = name
        self._most = most
        self._count = 0
        self._idle: list[None] = []  # one for each thread that waits; appending and popping are atomic
        self._work: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()

    def run(self, work: Callable[[], Any]) -> None:
        """Let a thread do some work, which must not raise; called from one thread."""
        self._work.put(work)
        if self._idle:
            self._idle.pop()
        elif self._count < self._most:
            self._count += 1
            if _thread.start_new_thread is _start:
                threading.Thread(target=self._serve, name=f"{self._name}_{self._count}", daemon=True).start()
            else:
                _start(self._serve, ())

    def stop(self) -> None:
        """Let the threads go that have nothing to do."""
        for _ in range(self._count):
            self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            self._idle.append(None)
