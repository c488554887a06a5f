"""One HTTP request and its answer, gathered whole: the guest's protocol has no streams."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from .native_threads import start_later
from .response import Head, Headers, finish, finish_with, head_of, plain

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

# Joining, packing and sending hold up to four copies of an answer at once.
ANSWER_LIMIT = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8
CANCEL_AFTER = 1.0
LATE = 0.2  # seconds after which a timer of the event loop is overdue


class ClientGone(OSError):  # noqa: N818 - a condition that servers signal, no failure
    """The answer can no longer reach the client."""


class Deadline:
    """Cuts the cycles that are not over in time, by one timer for all: they end in the order in which they came.

    Args:
        seconds: How long each may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._due: dict[RequestCycle, float] = {}
        self._is_set = False
        self._timers = 0

    def add(self, cycle: RequestCycle, loop: asyncio.AbstractEventLoop) -> None:
        """Watch a request cycle that begins now."""
        due = self._due[cycle] = loop.time() + self.seconds
        if not self._is_set:
            self._set(due, loop)

    def discard(self, cycle: RequestCycle) -> None:
        """Let go of a request cycle that is over."""
        self._due.pop(cycle, None)

    def _set(self, due: float, loop: asyncio.AbstractEventLoop) -> None:
        self._is_set = True
        self._timers += 1
        loop.call_at(due, self._check, loop)
        start_later(due - loop.time() + LATE, self._look, self._timers, threading.get_ident())

    def _look(self, timer: int, thread: int) -> None:
        """Tell what blocks the event loop, from another thread, when a timer is overdue."""
        if self._is_set and self._timers == timer:
            from .failure import report_hanging, thread_frames  # rare

            event = next((cycle.event for cycle in list(self._due)), "a request")
            message = "the event loop is blocked, so that nothing else can be answered"
            report_hanging(event, message, thread_frames(thread))

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_set = False
        now = loop.time()
        for cycle, due in list(self._due.items()):
            if due > now:
                self._set(due, loop)
                break
            cycle.cut()


class RequestCycle:
    """Takes the answer from the app, piece by piece, and resolves ``answered`` when it can be sent.

    The pieces may come from another thread; what ends the cycle (``complete``, ``fail``, ``refuse``,
    ``cut``) is called in the event loop.

    Attributes:
        scope: The complete ASGI scope.
        body: The request's whole body.
        begun: Whether the app has given status and headers.
        answered: Resolves to status, headers and body; then the cycle is ``over``.
        task: Runs the program for it.
        thread: Number of the thread that does so for a WSGI app.
    """

    def __init__(self, scope: dict[str, Any], body: bytes, deadline: Deadline, loop: asyncio.AbstractEventLoop) -> None:
        self.scope = scope
        self.body = body
        self.answered: asyncio.Future[tuple[int, Headers, bytes]] = loop.create_future()
        self.task: asyncio.Task[None] | None = None
        self.thread = 0
        self._deadline = deadline
        deadline.add(self, loop)
        self.begun = False
        self.over = False
        self._status = 0
        self._head: Head = [], None, []
        self._chunks: list[bytes] = []
        self._size = 0
        self._gone = False

    @property
    def event(self) -> str:
        """What a failure is told to have met."""
        return f"{self.scope['method']} {self.scope['path']}"

    def begin(self, status: int, headers: Iterable[Any]) -> None:
        """Take status and headers.

        Raises:
            ClientGone: When the answer was cut off.
            ValueError: For headers that HTTP does not allow.
        """
        if self._gone:
            self.check_open()
        self._head = head_of(headers)
        self._status = int(status)
        self.begun = self._status > 0

    def add(self, chunk: bytes) -> None:
        """Take a piece of the body.

        Raises:
            ClientGone: When the answer was cut off or grew too large.
        """
        if self._gone:
            self.check_open()
        self._size += len(chunk)
        if self._size > ANSWER_LIMIT:
            self._gone = True
            self._chunks.clear()
            reason = f"The answer is larger than the {ANSWER_LIMIT} bytes that this program's memory allows.\n"
            self.answered.get_loop().call_soon_threadsafe(self.refuse, 500, reason)
            raise ClientGone("the answer is too large")
        self._chunks.append(chunk)

    def check_open(self) -> None:
        """Raise ClientGone if nothing more can be sent."""
        if self._gone:
            raise ClientGone("the answer was cut off at its deadline")

    def complete(self) -> None:
        """Send what was taken."""
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._resolve(finish_with(self.scope["method"], self._status, self._head, body))

    def fail(self) -> None:
        """Answer for an app that raised or returned before its answer was complete."""
        if not self._gone:
            self.refuse(500, "Internal Server Error")

    def refuse(self, status: int, text: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """Answer in the app's place."""
        self._resolve(finish(self.scope["method"], *plain(status, text, headers)))

    def cut(self) -> None:
        """End the cycle at its deadline: the host gives up soon after.

        The events of a stream that were sent so far are delivered (clients reconnect by themselves); any
        other answer that is not complete becomes 504. The app learns that the client is gone.
        """
        if self.answered.done():
            return
        self._gone = True
        if self.begun and dict(self._head[0]).get(b"content-type", b"").startswith(b"text/event-stream"):
            self.complete()
        else:
            self.refuse(504, f"The program did not complete its answer within {self._deadline.seconds:g} seconds.\n")
            self._report_hanging()
        if self.task is not None:
            self.answered.get_loop().call_later(CANCEL_AFTER, self.task.cancel)

    def _report_hanging(self) -> None:
        from .failure import hanging_frames, report_hanging  # few requests hang

        frames = hanging_frames(self.task.get_coro() if self.task else None, self.thread)
        report_hanging(self.event, f"no complete answer within {self._deadline.seconds:g} seconds", frames)

    def _resolve(self, answer: tuple[int, Headers, bytes]) -> None:
        self._deadline.discard(self)
        self._chunks = []
        self.over = True
        if not self.answered.done():
            self.answered.set_result(answer)
