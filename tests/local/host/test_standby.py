"""A guest that was booted before there was a program for it serves that program as one that was not."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from hatch_aleph.local.host import Standby, StartError, boot_ahead, launch
from hatch_aleph.local.host.places import likely_isolation
from tests.local.host.conftest import ECHO, until
from tests.local.host.test_quirks import answer_with
from tests.local.host.test_stale_machines import is_alive

TELLS = """
import json, os, socket, sys
told = {"modules": sorted(sys.modules), "path": sys.path, "host": socket.gethostname(), "files": os.listdir("/opt"),
        "hosts": open("/etc/hosts").read(), "open": len(os.listdir("/proc/self/fd")), "cwd": os.getcwd(),
        "library": sys.modules["aiohttp"].__file__, "environment": dict(os.environ), "argv": sys.argv}
""" + answer_with(200, "[]", "json.dumps(told).encode()")


@pytest.fixture
def standby():
    standby = Standby()
    yield standby
    standby.close()


async def ask(machine):
    answer = await machine.request("GET", "/")
    assert answer.status == 200, answer.body
    return json.loads(re.sub(r"hatch-aleph-vm-\w+", "the folder of this start", answer.body.decode()))


def test_its_program_finds_what_it_finds_elsewhere(run, place, isolation, standby):
    """Modules and their files, paths, names, open files: all but the folder of this start."""
    where = dataclasses.replace(place, isolation=isolation)
    fresh = run(TELLS, ask, where=where)
    standby.begin(where, "3.11")
    guest = standby._guest
    found = run(TELLS, ask, where=where, standby=standby)
    assert guest.process.returncode is not None
    assert standby._guest is None
    assert found == fresh
    assert "aiohttp.connector" in found["modules"]


def test_each_takes_one_program(run, place, standby):
    standby.begin(place, "3.11")
    assert run(ECHO, ask, standby=standby)["file"].endswith("main.py")
    assert standby.take(place, "3.11") is None
    assert run(ECHO, ask, standby=standby)["file"].endswith("main.py")


def test_only_what_fits_is_taken(run, place, standby):
    """Another Python, another interpreter, other rights: such a program starts as if none waited."""
    standby.begin(place, "3.11")
    others = [
        (place, "3.12"),
        (dataclasses.replace(place, python=Path("/elsewhere/python3.11")), "3.11"),
        (dataclasses.replace(place, isolation=dataclasses.replace(place.isolation, sandbox=False)), "3.11"),
    ]
    if not place.isolation.sandbox:
        del others[-1]
    assert [standby.take(*each) for each in others] == [None] * len(others)
    assert standby._guest is not None


def test_one_that_has_ended_is_no_hindrance(run, place, standby):
    standby.begin(place, "3.11")
    folder = standby._guest.folder
    assert standby.isolation() == place.isolation
    standby._guest.kill()
    standby._guest.process.wait()
    assert run(ECHO, ask, standby=standby)["file"].endswith("main.py")
    assert not folder.exists()


def test_one_that_cannot_boot_says_so(place, standby, tmp_path):
    """A machine that was taken for one with namespaces and has none is probed, as before."""
    broken = tmp_path / "python3.11"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    standby.begin(dataclasses.replace(place, python=broken), "3.11")
    assert standby.isolation() is None


def test_a_program_that_does_not_start_in_it_is_told_the_same(run, place, standby):
    standby.begin(place, "3.11")
    with pytest.raises(StartError) as caught:
        run("import nothing_of_that_name", None, standby=standby)
    assert "ModuleNotFoundError: No module named 'nothing_of_that_name'" in caught.value.cause


def test_one_that_cannot_be_begun_later_is_no_defect(place, standby, tmp_path, monkeypatch):
    """No room for it, say: what is being answered goes on, and no traceback of the event loop is shown."""

    async def begin():
        told = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
        standby.begin_soon(place, "3.11")
        await until(lambda: standby._later is None, 30)
        return told

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    assert asyncio.run(begin()) == []
    assert standby._guest is None


def test_one_whose_folder_is_deleted_is_never_heard_of(place):
    """As a real host's machine that is started into the stop of an older one: it hangs, and says nothing."""
    guest = launch.boot(place, "3.11")
    try:
        assert guest.waits()
        shutil.rmtree(guest.folder)
        guest.give({}, 128)
        with pytest.raises(subprocess.TimeoutExpired):
            guest.process.wait(1)
        with pytest.raises(BlockingIOError):
            os.read(guest.terminal, 1000)
    finally:
        guest.discard()


def test_nothing_is_fetched_for_it(tmp_path):
    """What is not here yet would be waited for in silence: the trial itself says what it fetches."""
    standby = boot_ahead("3.11", cache=tmp_path / "cache", memory=tmp_path / "interpreters")
    assert standby._guest is None
    assert standby.isolation() is None
    assert not (tmp_path / "cache").exists()


def test_what_is_likely_is_what_a_probe_finds(place):
    if place.isolation.sandbox:
        assert likely_isolation() == place.isolation


WAITS = """
import os, signal, sys
from pathlib import Path
from hatch_aleph.local.host import Standby
from hatch_aleph.local.host.places import Place, probe

python, cache = map(Path, sys.argv[1:3])
standby = Standby()
standby.begin(Place(python, cache, cache / "volumes", probe()), "3.11")
standby.isolation()
print(standby._guest.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="no programs run there")
def test_it_ends_with_the_process_that_began_it(place, tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(launch.__file__).parents[3])}
    command = [sys.executable, "-c", WAITS, str(place.python), str(place.cache)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    process = int(done.stdout)
    for _ in range(100):
        if not is_alive(process):
            break
        time.sleep(0.05)
    assert not is_alive(process)
    (left,) = tmp_path.glob("hatch-aleph-vm-*")
    launch.sweep_stale_machines(tmp_path)
    assert not left.exists()


def test_a_host_has_one_ready_for_the_next_program(with_host, image):
    """From its first answer on; each is used once, and the last one ends with the host."""

    async def use(node, host, client):
        waiting, pids = [], []
        for number in range(3):
            code = node.store(image({"main.py": answer_with(200, "[]", f"b'{number}'")}, f"code{number}").read_bytes())
            item_hash = node.program(code)
            async with client.get(f"{node.url}/vm/{item_hash}/") as answer:
                assert await answer.read() == str(number).encode()
            pids.append(host.pool.machines[item_hash]._launched.process.pid)
            await until(lambda: host._standby._guest, 30)
            waiting.append(host._standby._guest.process)
        await host.pool.stop(item_hash)
        async with client.get(f"{node.url}/vm/{item_hash}/"):
            pass  # which takes the one that waits; the next is not begun once the host has closed
        return pids, waiting

    pids, waiting = with_host(use, stands_by=True)
    assert pids[1:] == [process.pid for process in waiting[:2]]
    assert len(set(pids)) == 3
    assert waiting[-1].returncode == -signal.SIGKILL


def test_a_host_as_real_has_none(with_host, image):
    from tests.local.host.test_as_real import REAL

    async def use(_node, host, _client):
        return host._standby

    assert with_host(use, stands_by=True, limits=REAL) is None
