"""A program inside a runtime image, under an init of the test's own that speaks as the network's does.

The image is made of this machine's Python, so that no image has to be fetched; the network's own init is no part of it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from hatch_aleph.errors import GuestError
from hatch_aleph.local.host import ProgramSpec, StartError, VolumeSpec, cached_folders, image_machine, smoke
from hatch_aleph.local.host.image_machine import machine_class
from hatch_aleph.local.host.places import NO_ISOLATION, probe
from hatch_aleph.squashfs import Options, scan, write_image

INIT = """
import ctypes, json, os, socket, sys
sys.path.append("/opt/aleph/libs")
import msgpack

listener = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
listener.bind((socket.VMADDR_CID_ANY, 52))
listener.listen()
hello = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
hello.connect((2, 52))
hello.sendall(msgpack.dumps({"version": VERSION}))
hello.close()
print("the init is there")
connection, _ = listener.accept()
stream = connection.makefile("rb")
configuration = msgpack.loads(stream.read(int(stream.readline())), raw=False)
libc = ctypes.CDLL(None, use_errno=True)
for volume in configuration["volumes"]:
    os.makedirs(volume["mount"], exist_ok=True)
    kind, flags = (b"squashfs", 1) if volume["read_only"] else (b"ext4", 0)
    if libc.mount(f"/dev/{volume['device']}".encode(), volume["mount"].encode(), kind, flags, None):
        raise OSError(ctypes.get_errno(), volume["mount"])
connection.sendall(msgpack.dumps({"success": True}))
while True:
    connection, _ = listener.accept()
    instruction = connection.recv(100_000)
    if instruction == b"halt":
        connection.sendall(b"STOP\\nSTOPZ\\n")
        break
    told = {"keys": sorted(configuration), "pid": os.getpid(), "main": __name__, "argv": sys.argv}
    told["interfaces"] = sorted(os.listdir("/sys/class/net"))
    told["code"] = open("/opt/code/main.txt").read()
    told["host"] = socket.gethostname()
    with socket.socket(socket.AF_UNIX) as api:
        api.connect("/tmp/socat-socket")
        api.sendall(b"GET /cache/ HTTP/1.0\\r\\n\\r\\n")
        told["api"] = api.makefile("rb").read().decode()
    if os.path.isdir("/kept"):
        with open("/kept/count", "a+") as kept:
            kept.write("x")
            kept.seek(0)
            told["kept"] = kept.read()
    head = {"status": 200, "headers": []}
    connection.sendall(msgpack.dumps({"headers": head, "body": {"body": json.dumps(told).encode()}}))
    connection.close()
"""
LEFT_OUT = ("test", "site-packages", "idlelib", "lib2to3", "ensurepip", "tkinter", "pydoc_data", "turtledemo")

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not probe().kernel_images, reason="the kernel mounts no images for this user"),
]


def copy_with_libraries(files, stage: Path) -> None:
    """Copy what the loader needs for some files to the same places below ``stage``."""
    found = set()
    for file in files:
        told = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False).stdout
        found |= {word for word in told.split() if word.startswith("/")}
    for library in found:
        target = stage / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)


@pytest.fixture(scope="module")
def runtime(python311, host_cache, tmp_path_factory):
    """Make a runtime image whose init says a version."""
    base = tmp_path_factory.mktemp("runtime")
    standard = Path(
        subprocess.run(
            [python311, "-c", "import os; print(os.path.dirname(os.__file__))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    stage = base / "stage"
    interpreter = python311.resolve()
    copy_with_libraries([interpreter, *standard.glob("lib-dynload/*.so")], stage)
    (stage / interpreter.parent.relative_to("/")).mkdir(parents=True, exist_ok=True)
    shutil.copy(interpreter, stage / interpreter.relative_to("/"))
    (stage / "root").mkdir(exist_ok=True)
    prefix = str(standard.relative_to("/"))
    modules = [
        entry for entry in scan(standard, prefix) if entry.path.removeprefix(prefix).split("/")[1] not in LEFT_OUT
    ]
    preloaded = list(scan(cached_folders.preloaded_modules(python311, "3.11", host_cache), "opt/aleph/libs"))

    def make(version: str) -> Path:
        init = stage / "root" / "init1.py"
        init.write_text(f"#!{interpreter} -OO\nVERSION = {version!r}\n{INIT}")
        image = base / f"runtime-{version}.squashfs"
        write_image([*modules, *preloaded, *scan(stage)], image, Options(level=1))
        return image

    return {version: make(version) for version in ("2.0.0", "1.0.0")}


def spec_for(runtime, code, **fields):
    return ProgramSpec(item_hash="ab" * 32, entrypoint="main:app", code=code, runtime=runtime, **fields)


def told(answer):
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def test_the_images_own_init_runs_as_process_one_with_its_drives(runtime, place, image):
    volume = VolumeSpec(mount="/kept", kind="persistent", name="kept", size_mib=16)
    spec = spec_for(runtime["2.0.0"], image({"main.txt": "the code"}), volumes=(volume,))
    lines = []
    first = told(asyncio.run(smoke(spec, place, on_line=lines.append)))
    second = told(asyncio.run(smoke(spec, place)))
    assert (first["pid"], first["main"], first["argv"]) == (1, "__main__", [str(PurePosixPath("/root", "init1.py"))])
    assert first["code"] == "the code"
    assert (first["kept"], second["kept"]) == ("x", "xx")
    assert first["interfaces"] == ["eth0", "lo", "nowhere"]
    assert first["api"].startswith("HTTP/1.0 200 OK")
    assert first["api"].endswith("[]")
    assert first["host"] == spec.hostname
    assert "the init is there" in lines


def test_an_older_init_gets_the_configuration_that_it_knows(runtime, place, image):
    code = image({"main.txt": ""})
    new = told(asyncio.run(smoke(spec_for(runtime["2.0.0"], code, internet=False), place)))
    old = told(asyncio.run(smoke(spec_for(runtime["1.0.0"], code, internet=False), place)))
    assert set(new["keys"]) - set(old["keys"]) == {"ipv6", "ipv6_gateway", "authorized_keys"}
    assert old["interfaces"] == ["lo"]


def test_an_image_that_does_not_start_is_told(place, image):
    broken = image({"root/init1.py": "#!/bin/sh\nexit 1\n"}, "broken")
    with pytest.raises(StartError) as caught:
        asyncio.run(smoke(spec_for(broken, image({"main.txt": ""})), place))
    assert "no Python script" in caught.value.cause


def test_without_the_kernels_mounts_it_is_refused(runtime, place, image):
    where = dataclasses.replace(place, isolation=NO_ISOLATION)
    with pytest.raises(GuestError, match="root on Linux"):
        asyncio.run(smoke(spec_for(runtime["2.0.0"], image({"main.txt": ""})), where))


def test_loop_devices_are_given_back(runtime, place, image):
    spec = spec_for(runtime["2.0.0"], image({"main.txt": ""}))

    def of_this_image() -> int:
        listed = subprocess.run(["losetup", "--associated", str(spec.code)], capture_output=True, text=True, check=True)
        return len(listed.stdout.splitlines())

    async def main():
        machine = machine_class(spec)(spec, place)
        await machine.start()
        during = of_this_image()
        await machine.halt()
        for _ in range(100):
            if not of_this_image():
                break
            await asyncio.sleep(0.05)
        return during, of_this_image()

    assert asyncio.run(main()) == (1, 0)


@pytest.mark.skipif(not shutil.which("mkfs.ext4"), reason="needs e2fsprogs")
@pytest.mark.parametrize("planted", ["a link to a file", "a link to a device", "a dangling link", "a pipe", "nothing"])
def test_a_program_cannot_choose_which_file_is_its_disk(tmp_path, planted):
    """What a program has left in its persistent volume is replaced, never followed: the disk is written as root."""
    mine, folder = tmp_path / "mine.img", tmp_path / "volume"
    mine.write_bytes(b"mine" * 1000)
    folder.mkdir()
    disk = folder / "disk.ext4"
    targets = {"a link to a file": mine, "a link to a device": Path("/dev/null"), "a dangling link": tmp_path / "made"}
    if planted in targets:
        disk.symlink_to(targets[planted])
    elif planted == "a pipe":
        os.mkfifo(disk)
    made = image_machine._disk(str(folder), 2)
    assert made == disk
    assert made.lstat().st_size == 2 << 20
    assert stat.S_ISREG(made.lstat().st_mode)
    assert made.read_bytes()[1080:1082] == b"\x53\xef"  # ext4's magic number
    assert mine.read_bytes() == b"mine" * 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.img", "volume"]
    changed = made.stat().st_mtime_ns
    assert image_machine._disk(str(folder), 2).stat().st_mtime_ns == changed  # what is there stays


def test_a_disk_that_is_a_folder_is_told(tmp_path):
    (tmp_path / "disk.ext4").mkdir()
    with pytest.raises(GuestError, match="No disk can be made"):
        image_machine._disk(str(tmp_path), 2)
