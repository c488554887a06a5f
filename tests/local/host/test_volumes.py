"""Volumes appear where the message says, and what a program writes stays where it belongs."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import zipfile
from pathlib import Path

import pytest

from hatch_aleph.errors import GuestError
from hatch_aleph.local.host import Machine, ProgramSpec, StartError, VolumeSpec, place_here
from tests.local.host.test_quirks import answer_with

LISTING = answer_with(
    200, "[]", "__import__('json').dumps([__import__('os').popen(line).read() for line in COMMANDS]).encode()"
)


def commands(*lines: str) -> str:
    """Return a program that answers with what shell commands print."""
    return f"COMMANDS = {lines!r}\n{LISTING}"


def ask(place, code, volumes=(), **fields):
    spec = ProgramSpec(item_hash="ab" * 32, entrypoint="main:app", code=code, volumes=volumes, **fields)

    async def main():
        machine = Machine(spec, place)
        try:
            await machine.start()
            answer = await machine.request("GET", "/")
            assert answer.status == 200, answer.body
            return [line.strip() for line in json.loads(answer.body)]
        finally:
            await machine.halt()

    return asyncio.run(main())


def test_volumes_are_mounted_read_only_where_the_message_says(sandboxed, image):
    volumes = (
        VolumeSpec(mount="/opt/packages", image=image({"thing.py": "x = 1"}, "packages")),
        VolumeSpec(mount="/var/lib/far/away", image=image({"data.txt": "far"}, "data")),
    )
    code = image({"main.py": commands("cat /var/lib/far/away/data.txt", "ls /opt/packages", "touch /opt/code/x 2>&1")})
    far, packages, touched = ask(sandboxed, code, volumes)
    assert (far, packages) == ("far", "thing.py")
    assert "Read-only" in touched


def test_nothing_that_a_program_writes_reaches_this_machine(sandboxed, image, tmp_path):
    marks = ("/var/mark-of-a-program", "/opt/mark-of-a-program", "/etc/mark-of-a-program")
    code = image({"main.py": commands(*(f"echo x > {mark}; cat {mark}" for mark in marks), f"ls {tmp_path}")})
    *written, listed = ask(sandboxed, code)
    assert not any(Path(mark).exists() for mark in marks)
    assert written[:2] == ["x", "x"]  # the guest may write, as into the VM's own memory
    assert listed == ""


def test_a_persistent_volume_is_kept_by_item_hash_and_name(sandboxed, image):
    code = image({"main.py": commands("cat /kept/count; echo more >> /kept/count")})
    volume = VolumeSpec(mount="/kept", kind="persistent", name="store/one")
    assert ask(sandboxed, code, (volume,)) == [""]
    assert ask(sandboxed, code, (volume,)) == ["more"]
    assert (sandboxed.volumes / ("ab" * 32) / "store_one" / "count").read_text() == "more\nmore\n"


def test_a_persistent_volume_without_mount_and_name_has_those_of_the_host(sandboxed, image):
    code = image({"main.py": commands("ls -d /mnt/*")})
    (listed,) = ask(sandboxed, code, (VolumeSpec(mount="", kind="persistent"),))
    assert "/mnt/unamed_volume_0" in listed.split()


@pytest.mark.parametrize(
    ("volume", "wrong"),
    [
        (VolumeSpec(mount="/x", kind="ephemeral"), "ephemeral"),
        (VolumeSpec(mount="/x", kind="persistent", persistence="store"), "store"),
        (VolumeSpec(mount="/x"), "no image"),
    ],
)
def test_volumes_that_hosts_do_not_run_are_refused(place, image, volume, wrong):
    with pytest.raises(GuestError, match=wrong):
        ask(place, image({"main.py": ""}), (volume,))


def test_twenty_six_drives_are_too_many(place, image):
    volumes = tuple(VolumeSpec(mount=f"/v{n}", image=place.python) for n in range(25))
    with pytest.raises(GuestError, match="26"):
        ask(place, image({"main.py": ""}), volumes)


def test_a_mount_point_below_a_read_only_volume_ends_the_machine(sandboxed, image):
    volumes = (
        VolumeSpec(mount="/outer", image=image({"x": ""}, "outer")),
        VolumeSpec(mount="/outer/inner", image=image({"y": ""}, "inner")),
    )
    with pytest.raises(StartError) as caught:
        ask(sandboxed, image({"main.py": LISTING}), volumes)
    assert "Read-only file system" in caught.value.cause


def test_a_full_data_folder_travels_with_each_answer(sandboxed, image, tmp_path):
    with zipfile.ZipFile(tmp_path / "input.zip", "w") as archive:
        archive.writestr("given.txt", "given")
    code = image({"main.py": commands("cat /data/given.txt", "ls /opt/output.zip")})

    async def main():
        spec = ProgramSpec(item_hash="ab" * 32, entrypoint="main:app", code=code, data=tmp_path / "input.zip")
        machine = Machine(spec, sandboxed)
        try:
            await machine.start()
            return [json.loads((await machine.request("GET", "/")).body) for _ in range(2)]
        finally:
            await machine.halt()

    first, second = asyncio.run(main())
    assert first == ["given", ""]
    assert second == ["given", "/opt/output.zip\n"]


def test_a_program_without_internet_has_no_network_and_lo_is_down(sandboxed, image):
    code = image(
        {"main.py": commands("cat /proc/net/dev | tail -n +3 | cut -d: -f1", "cat /sys/class/net/lo/operstate")}
    )
    interfaces, _ = ask(sandboxed, code, internet=False)
    assert interfaces.split() == ["lo"]


def test_memory_is_bounded(place, image, isolation):
    where = dataclasses.replace(place, isolation=isolation)
    source = answer_with(200, "[]", "b'x' if b'x' * 300_000_000 else b''")
    spec = ProgramSpec(item_hash="ab" * 32, entrypoint="main:app", code=image({"main.py": source}), memory=128)

    async def main():
        machine = Machine(spec, where)
        try:
            await machine.start()
            return await machine.request("GET", "/")
        finally:
            await machine.halt()

    answer = asyncio.run(main())
    # the kernel ends a machine in a control group; without one, the allocation fails
    assert answer.status == 502 or b"MemoryError" in answer.body


def test_a_relative_folder_of_volumes_is_no_obstacle(python311, host_cache, image, tmp_path, monkeypatch):
    """As `hatch-aleph run` names them: `.aleph/volumes`."""
    monkeypatch.chdir(tmp_path)
    where = place_here("3.11", cache=host_cache, volumes=Path(".aleph/volumes"), python=python311)
    volume = VolumeSpec(mount="/mnt/keep", kind="persistent", name="keep")
    source = 'open("/mnt/keep/kept", "w").write("there")\n' + commands("true")
    spec = ProgramSpec(item_hash="ab" * 32, entrypoint="main:app", code=image({"main.py": source}), volumes=(volume,))

    async def main():
        machine = Machine(spec, where)
        try:
            await machine.start()
        finally:
            await machine.halt()

    if where.isolation.sandbox:
        asyncio.run(main())
        assert (tmp_path / ".aleph" / "volumes" / ("ab" * 32) / "keep" / "kept").read_text() == "there"
