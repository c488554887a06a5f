"""Imports an entry point only, so that the interpreter's ``-X importtime`` tells what a cold start costs."""

from __future__ import annotations

import sys
import time
from typing import Any

from . import MEASURE_MARK, asgi_interface


async def run(plan: dict[str, Any]) -> None:
    """Import the entry point as the guest does, inside a running loop. The interpreter writes to standard error."""
    print(MEASURE_MARK, file=sys.stderr, flush=True)  # noqa: T201 - read by the host's side
    began = time.perf_counter()
    asgi_interface.load({"entrypoint": plan["measure"], "encoding": "squashfs"}, plan)
    print(f"{MEASURE_MARK} {(time.perf_counter() - began) * 1000:.3f}", file=sys.stderr, flush=True)  # noqa: T201
