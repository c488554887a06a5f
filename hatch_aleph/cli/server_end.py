"""How a server that runs here ends: by Ctrl-C or SIGTERM, as it says, and whole."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from hatch_aleph.cli.output import Output


def run_server(output: Output, main: Coroutine[Any, Any, None]) -> None:
    """Run a server until it is stopped, once it has called :func:`stop_on_signals`."""
    try:
        asyncio.run(main)
    except asyncio.CancelledError:
        output.notice("Ended.")


def stop_on_signals() -> None:
    """Let Ctrl-C and SIGTERM cancel the task that calls this, a second one interrupt whatever runs.

    Raised in the middle of the event loop, as before a server is ready, KeyboardInterrupt leaves connections in pieces,
    which fail again and again while it closes.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    stopped = False

    def stop(_signal: int, _frame: object) -> None:
        nonlocal stopped
        if stopped or task is None:
            raise KeyboardInterrupt
        stopped = True
        loop.call_soon_threadsafe(task.cancel)

    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), stop)
