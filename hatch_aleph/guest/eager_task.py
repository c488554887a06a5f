"""Tasks that take their first step at once: an app that waits for nothing answers without a turn of the event loop.

Each turn asks the kernel for events and costs more than all else that the adapter does for a request. Python 3.12 has
such tasks (``eager_start`` in ``Lib/asyncio/tasks.py``, python/cpython); the runtimes' Python is older.
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

# as "Extending asyncio" in Python's documentation has them
_enter, _leave = asyncio._enter_task, asyncio._leave_task  # noqa: SLF001


def start_eagerly(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None], name: str
) -> asyncio.Task[None]:
    """Make a task, and run its coroutine to where it first waits, or to its end.

    Args:
        loop: The running event loop.
        coroutine: What it runs.
        name: Of the task.
    """
    ahead = _Ahead(coroutine, loop)
    # no factory of the app's is asked: one that begins tasks at once would begin it a second time
    task: asyncio.Task[None] = asyncio.Task(ahead, loop=loop, name=name)  # type: ignore[arg-type]  # one in all but its type
    caller = asyncio.current_task(loop)
    if caller is not None:
        _leave(loop, caller)
    _enter(loop, task)
    try:
        ahead.begin()
    finally:
        _leave(loop, task)
        if caller is not None:
            _enter(loop, caller)
    return task


class _Ahead:
    """A coroutine of which the first step is taken before its task asks for it; all its steps run in one context."""

    __slots__ = (
        "_begun",
        "_cancelled",
        "_context",
        "_coroutine",
        "_error",
        "_is_ahead",
        "_is_over",
        "_loop",
        "_waited_for",
    )

    def __init__(self, coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> None:
        self._coroutine = coroutine
        self._loop = loop
        self._context = copy_context()
        self._begun: asyncio.Future[None] | None = None
        self._cancelled: BaseException | None = None
        self._is_ahead: bool | None = None
        self._waited_for: Any = None
        self._error: BaseException | None = None
        self._is_over = False

    def begin(self) -> None:
        try:
            self._waited_for = self._context.run(self._coroutine.send, None)
        except StopIteration:
            self._is_over = True
        except BaseException as error:  # noqa: BLE001 - the task raises it
            self._error = error
        self._is_ahead = True
        if self._begun is not None and not self._begun.done():
            self._begun.set_result(None)

    def send(self, value: Any) -> Any:
        if self._is_ahead is False:
            return self._context.run(self._coroutine.send, value)
        if self._is_ahead is None:
            return self._until_begun()
        if self._cancelled is not None:
            return self.throw(self._cancelled)
        self._is_ahead = False
        if self._is_over:
            raise StopIteration
        self._raise_error()
        return self._waited_for

    def throw(self, error: BaseException) -> Any:
        if self._is_ahead is None:
            self._cancelled = error
            return self._until_begun()
        if self._is_over:
            raise StopIteration
        self._raise_error()
        if self._is_ahead:  # cancelled before the task knew what it waits for, which is to be cancelled first
            self._is_ahead = False
            if self._waited_for is not None and self._waited_for.cancel():
                return self._waited_for
        return self._context.run(self._coroutine.throw, error)

    def _until_begun(self) -> Any:
        """Let the task wait, whose first step runs the event loop itself (nest_asyncio)."""
        self._begun = self._loop.create_future()
        return next(self._begun.__await__())

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        """Show the coroutine's frames to whoever asks where its task stands."""
        return getattr(self._coroutine, name)
