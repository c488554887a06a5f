"""Imports an entry point only, so that the interpreter's ``-X importtime`` tells what a cold start costs.

What is read beside is counted here, by the interpreter's own audit events and, for extensions, by the kernel's account
of what is mapped: of packages on ``sys.path``, the runtime's included, not of other files.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import stat
import sys
import time
from typing import Any

from . import MEASURE_MARK, READS_MARK, UNUSED_MARK, asgi_interface

_PACK = "/.aleph/"  # bytecode of many modules in one file: see hatch_aleph/guest/packed_modules.py


async def run(plan: dict[str, Any]) -> None:
    """Import the entry point as the guest does, inside a running loop. The interpreter writes to standard error."""
    if plan.get("put_off"):
        print(f"{UNUSED_MARK}{json.dumps(await _unused(plan))}", file=sys.stderr, flush=True)  # noqa: T201 - read by the host's side
        return
    mapped, reads = _mapped(), Reads()
    sys.addaudithook(reads.note)
    print(MEASURE_MARK, file=sys.stderr, flush=True)  # noqa: T201 - read by the host's side
    began = time.perf_counter()
    asgi_interface.load({"entrypoint": plan["measure"], "encoding": "squashfs"}, plan)
    print(f"{MEASURE_MARK} {(time.perf_counter() - began) * 1000:.3f}", file=sys.stderr, flush=True)  # noqa: T201
    reads.counts = False
    for path, size in _mapped().items() - mapped.items():
        reads.add(path, size)
    print(f"{READS_MARK}{json.dumps(reads.found)}", file=sys.stderr, flush=True)  # noqa: T201


async def _unused(plan: dict[str, Any]) -> list[str]:
    """Return which packages are not imported for the answer to ``GET /`` when their import is put off."""
    sys.path.insert(0, plan["code_root"])
    lazy_import = importlib.import_module("aleph_entry.lazy_import")
    lazy_import.put_off(plan["put_off"])
    app = asgi_interface.load({"entrypoint": plan["measure"], "encoding": "squashfs"}, plan)
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": "", "headers": [(b"host", b"localhost")]}
    answer = await asgi_interface.AsgiProgram(app, plan).run({**scope, "body": b""})
    if answer["headers"]["status"] >= 500:  # noqa: PLR2004 - a failure shows nothing
        return []
    return [name for name in plan["put_off"] if type(sys.modules.get(name)) is lazy_import.LazyModule]


class Reads:
    """Counts reads and bytes by package: files that are opened and read whole, parts of packs, folders that are listed.

    Attributes:
        found: Both, by package.
        counts: Whether anything is counted.
    """

    def __init__(self) -> None:
        self.found: dict[str, list[int]] = {}
        self.counts = True
        self._importing = ""
        self._of_pack = False

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take an audit event; never raise, which would end what caused it."""
        if not self.counts:
            return
        if event == "import":
            self._importing = arguments[0].partition(".")[0]
        elif event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], str):
            self._of_pack = _PACK in arguments[0]
            self._open(arguments[0])
        elif event == "marshal.loads" and self._of_pack:  # what was read of it; its inner tables come without a read
            self._of_pack = False
            self._count(self._importing, 0, len(arguments[0]))

    def _open(self, path: str) -> None:
        try:
            found = os.stat(path)  # noqa: PTH116 - in the midst of imports
        except OSError:  # bytecode that is not there is asked for all the same
            return
        self.add(path, found.st_size if stat.S_ISREG(found.st_mode) and not self._of_pack else 0)

    def add(self, path: str, size: int) -> None:
        """Count a read of a file or folder."""
        root = max((each for each in sys.path if each and f"{path}/".startswith(f"{each}/")), key=len, default=None)
        if root is not None:
            inside = path[len(root) + 1 :].removeprefix("__pycache__/").partition("/")[0]
            self._count(re.split("[.-]", inside)[0] or self._importing, 1, size)

    def _count(self, package: str, reads: int, size: int) -> None:
        found = self.found.setdefault(package, [0, 0])
        found[0] += reads
        found[1] += size


def _mapped() -> dict[str, int]:
    """Return how many bytes of each file that is mapped, as extensions are, are in memory."""
    found: dict[str, int] = {}
    path = ""
    with contextlib.suppress(OSError), open("/proc/self/smaps", encoding="utf-8") as maps:  # noqa: PTH123
        for line in maps:
            fields = line.split(None, 5)
            if fields[0] == "Rss:":
                if path.startswith("/"):
                    found[path] = found.get(path, 0) + int(fields[1]) * 1024
            elif not fields[0].endswith(":"):
                path = fields[5].rstrip("\n") if len(fields) > 5 else ""  # noqa: PLR2004 - the path is the sixth
    return found
