"""Published applications answer in the local host as under their own servers; run by the session ``matrix``."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from hatch_aleph.build.bytecode import compile_entries
from hatch_aleph.interpreters import ask as ask_interpreter
from hatch_aleph.local.host import Limits, Machine, ProgramSpec
from hatch_aleph.local.host.spec import VolumeSpec
from hatch_aleph.runtimes import DEBIAN_12
from hatch_aleph.squashfs import scan, write_image
from tests.guest.published import PUBLISHED, Published, table
from tests.guest.rig import Request, fetch, lay_out, server
from tests.guest.test_matrix import differs

DOCS = Path(__file__).parents[2] / "docs" / "guest.md"


@pytest.mark.slow
@pytest.mark.index
@pytest.mark.parametrize("each", PUBLISHED, ids=lambda each: "+".join(each.needs) or each.entrypoint)
def test_it_answers_as_under_its_server(each: Published, tmp_path, installed, place):
    packages, _ = installed(each.needs)
    code = lay_out(tmp_path / "code", {"main.py": each.main} if each.main else {}, seconds=20.0)
    for path in (*code.rglob("*"), *packages.rglob("*")):
        os.utime(path, (0, 0))  # as in the image
    code_image = tmp_path / "code.squashfs"
    image = tmp_path / "packages.squashfs"
    interpreter = ask_interpreter(place.python)
    for folder, mount, file in ((code, "/opt/code", code_image), (packages, "/opt/packages", image)):
        entries = list(scan(folder))
        write_image([*entries, *compile_entries(entries, mount, DEBIAN_12, interpreter)], file)
    requests = [Request(target, headers=(("host", "localhost"),)) for target in each.targets]
    env = {"PYTHONPATH": os.pathsep.join([str(code), str(packages)])}
    with server(each.server, each.entrypoint, code, env, python=str(place.python)) as port:
        theirs = [fetch(port, request) for request in requests]
    spec = ProgramSpec(
        item_hash="cafe" * 16,
        entrypoint=f"aleph_entry:{each.entrypoint}",
        code=code_image,
        volumes=(VolumeSpec("/opt/packages", image=image),),
        seconds=20.0,
    )

    async def ask():
        machine = Machine(spec, place, limits=Limits())
        await machine.start()
        try:
            return [await machine.request(request.method, request.target, request.headers) for request in requests]
        finally:
            await machine.halt()

    ours = asyncio.run(ask())
    wrong = [pair for pair in zip(requests, theirs, ours, strict=True) if differs(*pair)]
    assert not wrong, "\n".join(f"{pair[0].target}\n  {pair[1]}\n  {pair[2]}" for pair in wrong)


def test_the_documentation_lists_them():
    assert table() in DOCS.read_text("utf-8")
