"""Programs stopped hard under writes: what was answered is on the persistent volume, an ext4 of its own.

The stop is the kernel's own simulation of one, which xfstests uses too: ``EXT4_IOC_SHUTDOWN`` without a flush of the
journal lets nothing more reach the device. Needs root, for the mount.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import random
import shutil
import socket
import sqlite3
import struct
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.guest import volume_flush
from tests.guest.rig import Guest, lay_out

if TYPE_CHECKING:
    from pathlib import Path

SHUTDOWN, WITHOUT_THE_JOURNAL = 0x8004587D, 2
KINDS = ("delete", "wal", "append")
PARTS = 4  # of the 2,000 stops
WRITER = """
import mmap, os, sqlite3, threading, time
FOLDER = os.environ["FOLDER"]
connections = {}

def write(kind, number):
    if kind == "append":
        # A cut may leave a part of the last line, unanswered, at the end of a block: the next begins a line of its own.
        with open(f"{FOLDER}/append", "a") as file:
            file.write(f"\\n{number}\\n")
        return
    if kind == "rename":
        with open(f"{FOLDER}/part", "w") as file:
            file.write(number)
        return os.replace(f"{FOLDER}/part", f"{FOLDER}/renamed")
    if kind == "mmap":
        if "mmap" not in connections:
            with open(f"{FOLDER}/mapped", "w+b") as file:
                file.truncate(4096)
                connections["mmap"] = mmap.mmap(file.fileno(), 4096)
        connections["mmap"][:1] = number.encode()
        return
    if kind == "remove":
        return os.unlink(f"{FOLDER}/renamed")
    if kind == "other":
        with open(f"{FOLDER}-2/append", "a") as file:
            file.write(f"{number}\\n")
        return
    if kind not in connections:
        connections[kind] = sqlite3.connect(f"{FOLDER}/{kind}.db", isolation_level=None, check_same_thread=False)
        connections[kind].execute(f"PRAGMA journal_mode={kind}")
        connections[kind].execute("CREATE TABLE IF NOT EXISTS answered (number INTEGER)")
    connections[kind].execute("INSERT INTO answered VALUES (?)", [number])

def wsgi(environ, start_response):
    _, kind, number = environ["PATH_INFO"].split("/")
    write(kind, number)
    start_response("200 OK", [])
    return [b""]

async def asgi(scope, receive, send):
    if scope["type"] == "aleph.message":
        write("append", scope["body"])
        return await send({"type": "done"})
    _, kind, number = scope["path"].split("/")
    write(kind, number)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})

def later():
    time.sleep(0.2)
    write("append", 1)

async def alone(scope, receive, send):
    threading.Thread(target=later).start()
"""
SERVER = """
import http.server, os, sys
sys.dont_write_bytecode = True
from main import write

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        _, kind, number = self.path.split("/")
        write(kind, number)
        self.send_response(200)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Volume:
    """An ext4 in a file, mounted at ``folder``."""

    def __init__(self, disk: Path, folder: Path) -> None:
        self.disk, self.folder = disk, folder
        with disk.open("wb") as stream:
            stream.truncate(32 * 1024**2)
        subprocess.run(["mkfs.ext4", "-q", str(disk)], check=True, capture_output=True)
        folder.mkdir()

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop,rw", str(self.disk), str(self.folder)], check=True, capture_output=True)

    def cut(self) -> None:
        """Let nothing more reach the device."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_THE_JOURNAL))
        finally:
            os.close(descriptor)

    def restart(self) -> None:
        """Mount what reached the device, as the next machine does.

        A copy of it: another mount namespace of this machine may still hold the file system that was cut.
        """
        self.unmount()
        copy = self.disk.with_name(f"disk{int(self.disk.name[4:] or 0) + 1}")
        shutil.copyfile(self.disk, copy)
        self.disk.unlink()
        self.disk = copy
        self.mount()

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)


@pytest.fixture
def volume(tmp_path):
    try:
        made = Volume(tmp_path / "disk", tmp_path / "volume")
        made.mount()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no ext4 can be mounted here: {error}")
    yield made
    made.unmount()


@pytest.fixture
def start(tmp_path, volume):
    def start(name: str, *, flush: bool = True, **settings) -> Guest:
        files = {"main.py": WRITER, "server.py": SERVER}
        code = lay_out(tmp_path / "code", files, volumes=(str(volume.folder),) if flush else (), **settings)
        return Guest(code, name, env={"FOLDER": str(volume.folder)})

    return start


def kept(volume: Volume) -> dict[str, set[int]]:
    """Give the numbers that stand on the volume, by kind, as the next start finds them."""
    found = {}
    for kind in KINDS[:2]:
        with contextlib.closing(sqlite3.connect(f"{volume.folder}/{kind}.db")) as database:
            found[kind] = set()
            with contextlib.suppress(sqlite3.OperationalError):  # no table yet
                found[kind] = {row[0] for row in database.execute("SELECT number FROM answered")}
    path = volume.folder / "append"
    found["append"] = set()
    if path.exists():
        # A write that was cut off may have left zeros: its length reached the device, its text did not.
        found["append"] = {int(one) for one in path.read_bytes().replace(b"\0", b"\n").split()}
    return found


def answered_until_the_cut(guest: Guest, volume: Volume, seconds: float, first: int) -> dict[str, set[int]]:
    """Let a client a kind write as fast as it is answered, cut after a time; give what was answered before."""
    answered: dict[str, list[tuple[float, int]]] = {kind: [] for kind in KINDS}
    over = threading.Event()

    def write(kind: str) -> None:
        number = first
        with contextlib.suppress(OSError, AssertionError):
            while not over.is_set():
                status = guest.get(f"/{kind}/{number}", "POST", timeout=5).status
                if status != 200:
                    return
                answered[kind].append((time.perf_counter(), number))
                number += 1

    threads = [threading.Thread(target=write, args=[kind]) for kind in KINDS]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    moment = time.perf_counter()
    volume.cut()
    over.set()
    guest.process.kill()
    for thread in threads:
        thread.join()
    return {kind: {number for at, number in numbers if at < moment} for kind, numbers in answered.items()}


def stops(start, volume: Volume, count: int, seed: int, names=("main:asgi", "main:wsgi")) -> int:
    """Stop a program hard many times; give the number of answers that were kept."""
    choose = random.Random(seed)  # noqa: S311 - no secret
    total = 0
    expected: dict[str, set[int]] = {kind: set() for kind in KINDS}
    for round_number in range(count):
        with start(names[round_number % len(names)]) as guest:
            got = answered_until_the_cut(guest, volume, choose.uniform(0.02, 0.5), round_number * 100_000)
        volume.restart()
        found = kept(volume)
        for kind in KINDS:
            expected[kind] |= got[kind]
            lost = expected[kind] - found[kind]
            assert not lost, f"stop {round_number}: {kind} lost {sorted(lost)}"
            total += len(got[kind])
    print(f"seed {seed}: {count} stops, {total} answered writes, none lost")  # noqa: T201 - the figure of nox -s stops
    return total


def test_what_was_answered_is_kept(start, volume):
    assert stops(start, volume, 6, seed=1) > 50


@pytest.mark.slow
@pytest.mark.timeout(3 * 3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_of_two_thousand_stops_none_loses_an_answer(start, volume, part):
    """Half of a stop is waiting for its moment: the parts run side by side, each on a volume of its own."""
    count = int(os.environ.get("STOPS", "2000")) // PARTS
    assert stops(start, volume, count, seed=2 + part) > 5 * count


def test_without_the_flush_answers_are_lost(start, volume):
    """What the test must be able to see, and what a setting brings back."""
    with start("main:asgi", flush=False) as guest:
        got = answered_until_the_cut(guest, volume, 0.5, 0)
    volume.restart()
    assert got["append"] - kept(volume)["append"]


def test_other_ways_of_writing_and_a_second_volume(tmp_path, volume):
    """Memory that is mapped, changed again after a flush; names alone, without data; each volume."""
    (tmp_path / "second").mkdir()
    second = Volume(tmp_path / "second" / "disk", volume.folder.with_name("volume-2"))
    second.mount()
    mounts = (str(volume.folder), str(second.folder))
    code = lay_out(tmp_path / "code", {"main.py": WRITER, "server.py": SERVER}, volumes=mounts)
    try:
        for requests, expected in ((("mmap/1", "mmap/2", "rename/3", "other/4"), "3"), (("remove/5", "mmap/6"), None)):
            with Guest(code, "main:wsgi", env={"FOLDER": mounts[0]}) as guest:
                assert [guest.get(f"/{each}", "POST").status for each in requests] == [200] * len(requests)
                volume.cut()
                second.cut()
                guest.process.kill()
            volume.restart()
            second.restart()
            found = volume.folder / "renamed"
            assert (found.read_text() if found.exists() else None) == expected
            last = next(each for each in reversed(requests) if each.startswith("mmap"))[-1]
            assert (volume.folder / "mapped").read_bytes()[:1].decode() == last
            assert (second.folder / "append").read_text() == "4\n"
    finally:
        second.unmount()


def test_executables_and_messages(start, volume):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, interface in (("python3 server.py $PORT", "executable"), ("main:asgi", "auto")):
        with start(name, interface=interface, port=port) as guest:
            if interface == "executable":
                assert guest.get("/append/7", "POST").status == 200
            else:
                assert guest.ask({"type": "aleph.message", "body": "8"})[1]["type"] == "done"
            volume.cut()
            if interface == "executable":
                guest.ask(b"halt", 10)
            guest.process.kill()
        volume.restart()
    assert kept(volume)["append"] == {7, 8}


def test_writes_without_a_request_are_kept_after_seconds(start, volume):
    with start("main:alone") as guest:
        time.sleep(0.2 + 2.5)
        volume.cut()
        guest.process.kill()
    volume.restart()
    assert kept(volume)["append"] == {1}


@pytest.mark.slow
def test_names_alone_are_kept_by_the_kernel_after_seconds(start, volume):
    """A rename dirties no page, so the look once a second does not see it; the journal is written by itself."""
    with start("main:asgi") as guest:
        assert guest.get("/rename/3", "POST").status == 200
        time.sleep(2.5)  # until the adapter has nothing left to write
        (volume.folder / "renamed").rename(volume.folder / "other")
        time.sleep(6.5)
        volume.cut()
        guest.process.kill()
    volume.restart()
    assert (volume.folder / "other").read_text() == "3"


def test_a_volume_that_cannot_be_written_is_no_success(start, volume):
    with start("main:asgi") as guest:
        assert guest.get("/append/1", "POST").status == 200
        volume.cut()
        answer = guest.get("/missing", "POST")
        assert answer.status == 500
        guest.process.kill()


def test_a_volume_that_fails_keeps_no_other_from_being_written(tmp_path, volume):
    (tmp_path / "second").mkdir()
    second = Volume(tmp_path / "second" / "disk", volume.folder.with_name("volume-2"))
    second.mount()
    mounts = (str(volume.folder), str(second.folder))
    code = lay_out(tmp_path / "code", {"main.py": WRITER}, volumes=mounts)
    try:
        with Guest(code, "main:wsgi", env={"FOLDER": mounts[0]}) as guest:
            volume.cut()
            assert guest.get("/other/4", "POST").status == 500
            second.cut()
            guest.process.kill()
        second.restart()
        assert (second.folder / "append").read_text() == "4\n"
    finally:
        second.unmount()


def test_the_init_can_unmount_after_the_halt(start, volume):
    with start("main:wsgi") as guest:
        assert guest.get("/append/1", "POST").status == 200
        guest.halt()
    assert subprocess.run(["umount", str(volume.folder)], check=False).returncode == 0
    volume.mount()


def test_folders_of_the_machine_are_not_flushed(run, tmp_path):
    """A host that shows a folder in place of a device would flush its whole disk at each answer."""
    text = "import sys\nasync def app(scope, receive, send):\n"
    text += "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
    text += "    files = [frame.f_code.co_filename for frame in sys._current_frames().values()]\n"
    text += "    await send({'type': 'http.response.body', 'body': str(files).encode()})\n"
    assert b"volume_flush" not in run({"main.py": text}, "main:app", volumes=(str(tmp_path),)).get("/").body


def test_a_volume_that_is_gone_is_named_and_the_thread_ends(tmp_path, monkeypatch):
    threads = []

    def start_thread(run):
        threads.append(threading.Thread(target=run))
        threads[0].start()

    monkeypatch.setattr(volume_flush, "start", start_thread)
    monkeypatch.setattr(volume_flush, "PERIOD", 0.01)
    flush = volume_flush.VolumeFlush([str(tmp_path / "gone"), str(tmp_path)])
    told = asyncio.run(flush.flush())
    assert told == f"The volume {tmp_path / 'gone'} cannot be written: No such file or directory."
    flush.stop()
    threads[0].join(20)
    assert not threads[0].is_alive()
