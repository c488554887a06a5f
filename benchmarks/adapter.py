"""What the entry adapter costs an app that works without it: its import, a cold start, a request; in the local host.

    python benchmarks/adapter.py [--rounds 15] [--requests 300] [--before CHECKOUT] [--instructions]

Needs a CPython 3.11 and the package index. One project is built; its images run with the adapter and without, turn by
turn, 25 requests each, so that a machine whose speed drifts is unfair to neither. Ratios are medians of the pairs'
ratios. With another checkout (`git worktree add CHECKOUT COMMIT`) its adapter takes the place of none: what has become
of it since. `--instructions` has valgrind count what a request takes outside the kernel, in a minute: however busy the
machine is, the figure comes again to half a percent.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import importlib.resources
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.build import build_artifact
from hatch_aleph.local.host import Limits, Machine, ProgramSpec, built, place_here
from hatch_aleph.local.host.cached_folders import unpacked
from hatch_aleph.local.host.places import NO_ISOLATION
from hatch_aleph.project import load_project

if TYPE_CHECKING:
    from hatch_aleph.local.host.places import Place

# What the runtime has loaded already comes in the same versions: a different one is imported again, 3 ms here, which
# the app has asked for and would not get without the adapter.
PINNED = importlib.resources.files("hatch_aleph.local.host").joinpath("guest_modules.txt").read_text("utf-8")
SHARED = re.findall(r"^((?:typing-extensions|idna)==\S+)", PINNED, re.MULTILINE)
PROJECT = """
[project]
name = "cost"
version = "1"
dependencies = DEPENDENCIES

[tool.aleph]
entrypoint = "main:app"
"""
APP = """
import gc, os, time

if "COUNTED" in os.environ:  # collections come now and then, and cost as much as fifty requests
    gc.disable()

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def root(request):
    return JSONResponse({"used": time.process_time()})

app = Starlette(routes=[Route("/", root)])
"""
# What the guest's init has imported before the adapter.
PRELOADED = (
    "asyncio, base64, ctypes, dataclasses, logging, pathlib, shutil, socket, subprocess, traceback, urllib.parse"
)
IMPORT = f"""
import os, sys, time
import {PRELOADED}
sys.path.insert(0, sys.argv[1])
start = "entrypoint" if os.path.exists(sys.argv[1] + "/aleph_entry/entrypoint.py") else "boot"  # as it was called
begun = time.process_time()
import aleph_entry
vars(aleph_entry).get("load", int)()
__import__("aleph_entry." + start)
import aleph_entry.interfaces, aleph_entry.asgi
print((time.process_time() - begun) * 1000)
"""
GOALS = {
    "import, ms": 2.0,
    "cold start, ms": 1.02,
    "of it processor, ms": 1.02,
    "request, ms": 1.0,
    "of it processor in the guest, ms": 1.0,
}
WARM_UP, BLOCK, COUNTED = 50, 25, (100, 400)  # requests


async def build(folder: Path) -> ProgramSpec:
    project = PROJECT.replace("DEPENDENCIES", json.dumps(["starlette", *SHARED]))
    (folder / "pyproject.toml").write_text(project)
    (folder / "main.py").write_text(APP)
    return await built(build_artifact(load_project(folder), folder / "dist"))


def build_by(checkout: Path, adapted: ProgramSpec, folder: Path) -> ProgramSpec:
    """Build the project with another checkout, in this environment, and put its images in the place of ours."""
    command = [sys.executable, "-m", "hatch_aleph", "build", "--project", str(folder), "--out", str(folder / "before")]
    subprocess.run(command, check=True, cwd=folder, env={**os.environ, "PYTHONPATH": str(checkout)})
    (code,), (packages,) = (tuple((folder / "before").glob(f"*-{role}.squashfs")) for role in ("code", "packages"))
    volumes = (dataclasses.replace(volume, image=packages) for volume in adapted.volumes)
    inputs = (unpacked(packages, folder) / ".aleph" / "inputs").read_text("ascii").strip()
    return dataclasses.replace(adapted, code=code, volumes=tuple(volumes), packages_inputs=inputs)


def own_import(python: Path, code: Path) -> float:
    """Take the processor time of the adapter's own import, compiled as in the image, in milliseconds."""
    done = subprocess.run([str(python), "-OO", "-c", IMPORT, str(code)], check=True, capture_output=True)
    return float(done.stdout)


Pairs = dict[str, list[tuple[float, float]]]


async def compare(specs: tuple[ProgramSpec, ProgramSpec], place: Place, count: int, first: int, figures: Pairs) -> None:
    """Start two machines, ask them by turns, and add their figures as pairs, in milliseconds.

    Args:
        specs: The programs.
        place: Where they run.
        count: How many requests each answers, after those that warm it up.
        first: Which of them begins.
        figures: Where to add.
    """
    # each request is read once, as the init does it: what makes it whole is the adapter's own cost
    machines = [Machine(spec, place, limits=Limits(piece_bytes=sys.maxsize)) for spec in specs]
    order = (first, 1 - first)

    async def used(machine: Machine) -> float:
        processor: float = json.loads((await machine.request("GET", "/")).body)["used"]
        return processor * 1000

    try:
        started, processor = [0.0, 0.0], [0.0, 0.0]
        for each in order:
            await machines[each].start()
            started[each] = (machines[each].start_seconds or 0.0) * 1000
            processor[each] = await used(machines[each])
        figures.setdefault("cold start, ms", []).append((started[0], started[1]))
        figures.setdefault("of it processor, ms", []).append((processor[0], processor[1]))
        for block in range((WARM_UP + count) // BLOCK):
            for each in order:
                machine, begun = machines[each], await used(machines[each])
                answers = [await machine.request("GET", "/") for _ in range(BLOCK)]
                processor[each] = (await used(machine) - begun) / (BLOCK + 1)
                started[each] = statistics.median(answer.seconds for answer in answers) * 1000
            if block >= WARM_UP // BLOCK:
                figures.setdefault("request, ms", []).append((started[0], started[1]))
                figures.setdefault("of it processor in the guest, ms", []).append((processor[0], processor[1]))
    finally:
        for machine in machines:
            await machine.halt()


async def count_instructions(spec: ProgramSpec, place: Place, folder: Path) -> float:
    """Count the instructions of a request in the guest, in thousands: a long run's less a short one's."""
    python, log = folder / "counted-python", folder / "counted"
    count = f"valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file={log}"
    python.write_text(f'#!/bin/sh\nPYTHONHASHSEED=0 exec {count} {place.python} "$@"\n')
    python.chmod(0o755)
    counted = dataclasses.replace(place, python=python, isolation=NO_ISOLATION)
    # all takes fifty times as long, and the process ends by itself, to tell what it has counted
    limits = Limits(*(600.0,) * 6, piece_bytes=sys.maxsize, linger=15.0)
    figures = []
    for requests in COUNTED:
        machine = Machine(dataclasses.replace(spec, memory=4096, variables={"COUNTED": "1"}), counted, limits=limits)
        await machine.start()
        try:
            for _ in range(requests):
                await machine.request("GET", "/")
        finally:
            await machine.halt()
        figures.append(int(re.findall(r"Collected : (\d+)", log.read_text())[-1]))
    return (figures[1] - figures[0]) / (COUNTED[1] - COUNTED[0]) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--before", type=Path, help="Another checkout: compare with its adapter.")
    parser.add_argument("--instructions", action="store_true", help="Count instructions alone; needs valgrind.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        adapted = asyncio.run(build(folder))
        other = dataclasses.replace(adapted, entrypoint=adapted.entrypoint.removeprefix("aleph_entry:"))
        if options.before:
            other = build_by(options.before.resolve(), adapted, folder)
        place = place_here(adapted.python, cache=folder / "cache", volumes=folder / "volumes")
        specs, figures = (other, adapted), Pairs()
        asyncio.run(compare(specs, place, 0, 0, {}))  # the first one installs what the runtime has loaded
        if options.instructions:
            before, now = (asyncio.run(count_instructions(spec, place, folder)) for spec in specs)
            print(f"instructions of a request, thousand: {before:.1f}, with the adapter {now:.1f}: {now / before:.3f}")
            return
        for number in range(options.rounds):
            asyncio.run(compare(specs, place, options.requests, number % 2, figures))
        imports: list[list[float]] = [[], []]
        for _ in range(options.rounds * 3):
            for taken_by, spec in zip(imports, (other, adapted), strict=True):
                if options.before or spec is adapted:
                    taken_by.append(own_import(place.python, unpacked(spec.code, folder)))
    print(f"| | {'before' if options.before else 'bare'} | adapter | ratio | at most |\n|---|---|---|---|---|")
    for what, pairs in figures.items():
        middle = [statistics.median(side) for side in zip(*pairs, strict=True)]
        ratio = statistics.median(ours / theirs for theirs, ours in pairs)
        goal = 1.01 if options.before else GOALS[what]
        print(f"| {what} | {middle[0]:.3f} | {middle[1]:.3f} | {ratio:.3f} | {goal} |")
    before, now = (f"{min(each):.2f}" if each else "" for each in imports)
    goal = float(before) + 0.3 if before else GOALS["import, ms"]
    print(f"| its own import, ms | {before} | {now} | | {goal:.2f} |")


if __name__ == "__main__":
    sys.exit(main())
