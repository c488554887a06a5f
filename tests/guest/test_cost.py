"""What the adapter costs an app that works without it: its import, a cold start, a request. Prints its figures."""

from __future__ import annotations

import asyncio
import compileall
import json
import py_compile
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.local.host import Machine, ProgramSpec
from hatch_aleph.local.host.spec import VolumeSpec
from hatch_aleph.squashfs import scan, write_image
from tests.guest.rig import lay_out

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.index]

APP = """
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def root(request):
    return JSONResponse({"hello": "world"})

app = Starlette(routes=[Route("/", root)])
"""
# What the guest's init has imported before us
PRELOADED = (
    "import asyncio, base64, ctypes, dataclasses, logging, pathlib, shutil, socket, subprocess, traceback, urllib.parse"
)
IMPORT = f"""
import sys, time
{PRELOADED}
sys.path.insert(0, sys.argv[1])
begun = time.perf_counter()
import aleph_entry, aleph_entry.boot, aleph_entry.interfaces, aleph_entry.asgi
print((time.perf_counter() - begun) * 1000)
"""


def compiled(folder: Path, python: Path) -> Path:
    """Compile as the build does; by the runtime's own Python."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH.name.lower().replace("_", "-")
    command = [str(python), "-m", compileall.__name__, "-q", "-o", "2", "--invalidation-mode", mode, str(folder)]
    subprocess.run(command, check=True)
    return folder


def test_the_import_takes_less_than_two_milliseconds(tmp_path, place):
    code = compiled(lay_out(tmp_path / "code", {}, seconds=30.0), place.python)
    command = [str(place.python), "-OO", "-c", IMPORT, str(code)]
    taken = sorted(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(15))
    sys.stdout.write(f"import: {taken[0]:.2f} ms at best, {statistics.median(taken):.2f} ms in the middle\n")
    assert taken[0] < 2


def test_cold_start_and_requests_cost_no_more_than_bare(tmp_path, place, installed):
    _, packages = installed(("starlette", "python-multipart"))
    specs = {}
    for kind in ("bare", "adapter"):
        code = lay_out(tmp_path / kind, {"main.py": APP}, seconds=30.0)
        image = tmp_path / f"{kind}.squashfs"
        write_image(scan(compiled(code, place.python)), image)
        entrypoint = "main:app" if kind == "bare" else "aleph_entry:main:app"
        volume = VolumeSpec("/opt/packages", image=packages)
        specs[kind] = ProgramSpec(item_hash="cafe" * 16, entrypoint=entrypoint, code=image, volumes=(volume,))
    starts: dict[str, list[float]] = {kind: [] for kind in specs}
    requests: dict[str, list[float]] = {kind: [] for kind in specs}
    for _ in range(9):
        for kind, spec in specs.items():
            start, taken = asyncio.run(measure(Machine(spec, place)))
            starts[kind].append(start)
            requests[kind] += taken
    for name, figures, best in (("cold start", starts, min), ("request", requests, statistics.median)):
        bare, adapter = best(figures["bare"]), best(figures["adapter"])
        sys.stdout.write(
            f"{name}: bare {bare * 1000:.2f} ms, adapter {adapter * 1000:.2f} ms, ratio {adapter / bare:.3f}\n"
        )
    assert min(starts["adapter"]) <= min(starts["bare"]) * 1.05  # 1.02 on a quiet machine
    assert statistics.median(requests["adapter"]) <= statistics.median(requests["bare"]) * 1.05


async def measure(machine: Machine) -> tuple[float, list[float]]:
    """Start a machine and ask it a hundred times; give both times in seconds."""
    begun = time.perf_counter()
    await machine.start()
    start = time.perf_counter() - begun
    taken = []
    try:
        for number in range(150):
            answer = await machine.request("GET", "/")
            assert json.loads(answer.body) == {"hello": "world"}
            if number >= 50:
                taken.append(answer.seconds)
    finally:
        await machine.halt()
    return start, taken
