"""Requests of a size: whole up to the host's limit where the adapter reads on, lost where the init reads once."""

from __future__ import annotations

import asyncio

import pytest

from hatch_aleph.local.host import Limits, Machine, ProgramSpec
from hatch_aleph.squashfs import scan, write_image
from tests.guest.rig import lay_out
from tests.local.host.test_quirks import app

LENGTH = app("""
    event = await receive()
    body = str(len(event["body"])).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [[b"content-length", b"%d" % len(body)]]})
    await send({"type": "http.response.body", "body": body})
""")
SIZES = (1_000, 100_000, 300_000, 1_000_000, 1024**2, 1024**2 + 1)


def statuses(place, code, entrypoint, limits) -> list[int]:
    async def main():
        found = []
        spec = ProgramSpec(item_hash="ab" * 32, entrypoint=entrypoint, code=code)
        machine = Machine(spec, place, limits=limits)
        try:
            for size in SIZES:
                if machine.state.value != "running":
                    machine = Machine(spec, place, limits=limits)
                    await machine.start()
                answer = await machine.request("POST", "/", body=b"x" * size)
                assert answer.status != 200 or answer.body == str(size).encode()
                found.append(answer.status)
        finally:
            await machine.halt()
        return found

    return asyncio.run(main())


@pytest.mark.parametrize("limits", [Limits(), Limits.as_real(0.01, init=20.0)], ids=["kind", "real"])
def test_with_the_adapter_all_arrives_that_the_host_takes(place, tmp_path, limits):
    folder = lay_out(tmp_path / "code", {"main.py": LENGTH}, seconds=10.0)
    write_image(scan(folder), tmp_path / "code.squashfs")
    found = statuses(place, tmp_path / "code.squashfs", "aleph_entry:main:app", limits)
    assert found == [200, 200, 200, 200, 200, 413]


def test_a_bare_program_of_a_real_host_loses_what_is_split(place, image):
    found = statuses(place, image({"main.py": LENGTH}), "main:app", Limits.as_real(0.01, init=20.0))
    assert found == [200, 502, 502, 502, 502, 413]


def test_a_bare_program_of_the_kind_host_gets_one_read(place, image):
    assert statuses(place, image({"main.py": LENGTH}), "main:app", Limits()) == [200, 200, 502, 502, 502, 413]
