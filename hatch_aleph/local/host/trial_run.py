"""A trial of one program: start it, ask it once, stop it; without the web server, whose import takes as long."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from hatch_aleph.local.host.console import Console
from hatch_aleph.local.host.image_machine import machine_class

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.local.host.places import Place
    from hatch_aleph.local.host.spec import Answer, Limits, ProgramSpec
    from hatch_aleph.local.host.standby import Standby


async def smoke(
    spec: ProgramSpec,
    place: Place,
    path: str = "/",
    *,
    limits: Limits | None = None,
    on_line: Callable[[str], None] | None = None,
    standby: Standby | None = None,
) -> Answer:
    """Start a program, ask it once, stop it; returns the answer.

    Raises:
        StartError: It does not start.
        GuestError: It cannot run on this machine.
    """
    machine = machine_class(spec)(spec, place, limits=limits, console=Console(on_line), standby=standby)
    try:
        await machine.start()
        return await machine.request("GET", path, [("host", "localhost"), ("accept", "*/*")])
    finally:
        halt = asyncio.ensure_future(machine.halt())
        # Whoever gives up the trial may say so meanwhile: the loop must not end before the process.
        while not halt.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(halt)
