"""Imports an entry point only, so that the interpreter's ``-X importtime`` tells what a cold start costs."""

from __future__ import annotations

import sys
from typing import Any

from . import MEASURE_MARK, asgi


async def run(plan: dict[str, Any]) -> None:
    """Import the entry point as the guest does, inside a running loop. The interpreter writes to standard error."""
    print(MEASURE_MARK, file=sys.stderr, flush=True)  # noqa: T201 - read by the host's side
    asgi.load({"entrypoint": plan["measure"], "encoding": "squashfs"}, plan)
    sys.stderr.flush()
