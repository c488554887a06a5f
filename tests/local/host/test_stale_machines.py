"""A host that is killed takes its machines with it, and the next one clears up."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hatch_aleph.local.host import launch
from tests.local.host.conftest import ECHO

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from hatch_aleph.local.host import Machine, ProgramSpec
from hatch_aleph.local.host.places import Place, probe

async def main():
    python, cache, code = map(Path, sys.argv[1:4])
    place = Place(python, cache, cache / "volumes", probe())
    machine = Machine(ProgramSpec(item_hash="ab" * 32, entrypoint="main:app", code=code), place)
    await machine.start()
    print(machine._launched.process.pid, machine._launched.memory and machine._launched.memory.folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def is_alive(process: int) -> bool:
    """Tell whether a process runs; a dead one may wait for whoever inherited it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's death signal is Linux's")
def test_machines_die_with_their_host_and_leave_nothing(place, image, tmp_path):
    if not place.isolation.sandbox:
        pytest.skip("no namespaces here")
    code = image({"main.py": ECHO})
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(launch.__file__).parents[3])}
    command = [sys.executable, "-c", KILLED, str(place.python), str(place.cache), str(code)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    process, group = done.stdout.split()
    for _ in range(100):
        if not is_alive(int(process)):
            break
        time.sleep(0.05)
    assert not is_alive(int(process))
    (left,) = tmp_path.glob("hatch-aleph-vm-*")
    launch.sweep_stale_machines(tmp_path)
    assert not left.exists()
    assert group == "None" or not Path(group).exists()


def test_what_belongs_to_a_living_host_or_to_nobody_known_stays(tmp_path):
    mine, foreign = tmp_path / "hatch-aleph-vm-a", tmp_path / "hatch-aleph-vm-b"
    mine.mkdir()
    foreign.mkdir()
    (mine / "owner").write_text(str(os.getpid()))
    launch.sweep_stale_machines(tmp_path)
    assert mine.exists()
    assert foreign.exists()
