"""A trial that is given up at any moment leaves nothing behind."""

from __future__ import annotations

import asyncio

import pytest

from hatch_aleph.local.host import ProgramSpec, smoke
from hatch_aleph.local.host import machine as machines
from tests.local.host.conftest import ECHO, until


@pytest.mark.parametrize("moment", ["start", "request", "halt"])
def test_its_process_has_ended_when_the_loop_does(place, image, monkeypatch, moment):
    launched = []
    reached = asyncio.Event()
    launch, at = machines.launch, getattr(machines.Machine, moment)

    async def launch_and_keep(*given, **named):
        launched.append(await launch(*given, **named))
        return launched[-1]

    async def tell(machine, *given):
        reached.set()
        return await at(machine, *given)

    monkeypatch.setattr(machines, "launch", launch_and_keep)
    monkeypatch.setattr(machines.Machine, moment, tell)
    spec = ProgramSpec(code=image({"main.py": ECHO}), entrypoint="main:app", item_hash="ab" * 32)

    async def give_up():
        trial = asyncio.create_task(smoke(spec, place))
        await reached.wait()
        await until(lambda: launched)
        for _ in range(3):
            trial.cancel()
            await asyncio.sleep(0.001)
        await asyncio.gather(trial, return_exceptions=True)

    asyncio.run(give_up())
    assert [each.process.returncode is not None for each in launched] == [True]
    assert not launched[0].folder.exists()
