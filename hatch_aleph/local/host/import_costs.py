"""What a cold start costs: the import of the entry point in the local guest, module by module."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from hatch_aleph.deploy.program_log import explanation
from hatch_aleph.errors import GuestError
from hatch_aleph.local.host.aleph_host_inside import MEASURE_MARK, READS_MARK, UNUSED_MARK
from hatch_aleph.local.host.launch import launch
from hatch_aleph.local.host.spec import Limits, ProgramSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_aleph.local.host.launch import Launched
    from hatch_aleph.local.host.places import Place

_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)")
_READ = 64 * 1024
_DEAR_MS = 10.0  # an import that takes less is not worth putting off


@dataclass(frozen=True)
class ImportCost:
    """One module's import; milliseconds.

    Attributes:
        self_ms: Of the module alone.
        cumulative_ms: With what it imports first.
        depth: How many imports it is inside of.
    """

    module: str
    self_ms: float
    cumulative_ms: float
    depth: int


class Imports(NamedTuple):
    """What an entry point's import costs.

    Attributes:
        costs: What each module took, in the order they ended.
        reads: Reads and bytes by top-level package: files, folders, parts of packs; of extensions what is in memory.
    """

    costs: list[ImportCost]
    reads: dict[str, tuple[int, int]]


def measure_imports(spec: ProgramSpec, place: Place) -> Imports:
    """Import a program's entry point in the local guest and return what it costs.

    What the runtime has loaded before the program costs it nothing and is not in the list.

    Raises:
        GuestError: It cannot be imported, or is no Python.
    """
    lines = _imported(spec, place)
    return Imports(parse(lines, spec.entrypoint.split(":")[-2]), parse_reads(lines))


def unused_packages(spec: ProgramSpec, place: Place, costs: Iterable[ImportCost]) -> list[tuple[str, float]]:
    """Return which imports the setting ``lazy`` saves the first answer, and their milliseconds, the dearest first.

    The program is started once more with the dear ones put off, and asked for ``/``.

    Args:
        spec: The program, behind the adapter.
        place: Where it runs.
        costs: What its imports cost.
    """
    entry = spec.entrypoint.split(":")[-2].partition(".")[0]
    known = {entry, "aleph_entry", *sys.stdlib_module_names}
    dear = {each.module: each.cumulative_ms for each in costs if each.cumulative_ms >= _DEAR_MS}
    names = [name for name in dear if "." not in name and name not in known]
    if not names or not spec.entrypoint.startswith("aleph_entry:"):
        return []
    try:
        lines = _imported(spec, place, put_off=names)
    except (GuestError, asyncio.TimeoutError):  # it does not start or answer so: that is no advice
        return []
    told = [line for line in lines if line.startswith(UNUSED_MARK)]
    found = json.loads(told[-1][len(UNUSED_MARK) :]) if told else []
    return sorted(((name, dear[name]) for name in found), key=lambda item: -item[1])


def _imported(spec: ProgramSpec, place: Place, **more: Any) -> list[str]:
    """Import the entry point and return what the guest wrote.

    Raises:
        GuestError: It cannot be imported, or is no Python.
    """
    if spec.interface != "asgi" or spec.encoding != "squashfs":
        raise GuestError("Only the imports of Python programs in images can be measured", where=spec.entrypoint)
    lines, code = asyncio.run(_run(spec, place, more))
    if code:
        raise GuestError(f"The entry point cannot be imported.{explanation(_told(lines), '')}", where=spec.entrypoint)
    return lines


async def _run(spec: ProgramSpec, place: Place, more: dict[str, Any]) -> tuple[list[str], int]:
    launched = await launch(spec, place, Limits(), measure=spec.entrypoint, **more)
    try:
        output = await asyncio.wait_for(_read_all(launched), Limits().configuration)
        return output.decode("utf-8", "replace").splitlines(), await launched.ended()
    finally:
        launched.kill()
        await launched.ended()
        launched.clear()


async def _read_all(launched: Launched) -> bytes:
    """Read the terminal until the process is gone and nothing is left in it."""
    loop, output, ended = asyncio.get_running_loop(), bytearray(), asyncio.Event()

    def read() -> None:
        try:
            data = os.read(launched.terminal, _READ)
        except BlockingIOError:
            return
        except OSError:  # the other end is closed
            data = b""
        output.extend(data)
        if not data:
            loop.remove_reader(launched.terminal)
            ended.set()

    loop.add_reader(launched.terminal, read)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(launched.terminal)
    return bytes(output)


def parse(lines: Iterable[str], entry: str) -> list[ImportCost]:
    """Read what ``-X importtime`` wrote after the mark.

    Imports by ``importlib.import_module`` are not in it themselves, only what they import: so may the entry point be,
    behind the adapter. It is then added with the time that was taken around it.
    """
    found, counted, total = [], False, 0.0
    for line in lines:
        if line.startswith(MEASURE_MARK):
            counted, total = not counted, float(line[len(MEASURE_MARK) :] or 0)
        match = _LINE.match(line)
        if match and counted:
            alone, together, indent, module = match.groups()
            found.append(ImportCost(module, int(alone) / 1000, int(together) / 1000, len(indent) // 2))
    if all(each.module != entry for each in found):
        inner = sum(each.cumulative_ms for each in found if not each.depth)
        found = [replace(each, depth=each.depth + 1) for each in found]
        found.append(ImportCost(entry, max(total - inner, 0.0), total, 0))
    return found


def parse_reads(lines: list[str]) -> dict[str, tuple[int, int]]:
    """Read what the guest counted, its last word: before it the program prints to the same terminal."""
    told = next((line for line in reversed(lines) if line.startswith(READS_MARK)), f"{READS_MARK}{{}}")
    return {name: (count, size) for name, (count, size) in json.loads(told[len(READS_MARK) :]).items()}


def _told(lines: list[str]) -> list[str]:
    """Return what the program itself printed."""
    return [line for line in lines if not line.startswith(("import time:", MEASURE_MARK, READS_MARK))]


def by_package(costs: Iterable[ImportCost]) -> list[tuple[str, float]]:
    """Return what each top-level package's own modules took, in milliseconds, the dearest first."""
    sums: dict[str, float] = {}
    for each in costs:
        package = each.module.partition(".")[0]
        sums[package] = sums.get(package, 0.0) + each.self_ms
    return sorted(sums.items(), key=lambda item: -item[1])
