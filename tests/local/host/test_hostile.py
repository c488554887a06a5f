"""A program that looks around: what it finds of this machine, and what it can do to it."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hatch_aleph.errors import GuestError
from hatch_aleph.local.host import Limits, Standby, aleph_host_inside
from hatch_aleph.local.host.aleph_host_inside.runtime_files import DEBIAN_MODULES
from hatch_aleph.local.host.console import KEPT_CHARACTERS, KEPT_LINES, LONGEST_LINE, Console
from hatch_aleph.local.host.failures import StartError
from hatch_aleph.local.host.spec import VolumeSpec
from hatch_aleph.squashfs import Entry, write_image
from tests.local.host.test_quirks import answer_with

MEBIBYTES = 512
DEBIAN = Path("/usr/lib/python3/dist-packages")
PACKAGE = Path(aleph_host_inside.__file__).parent
LOOKS = """
import ctypes.util, glob, json, os, shutil, subprocess

def tried(action):
    try:
        return action() or True
    except BaseException as error:
        return f"{type(error).__name__}: {error}"

def write(path, text="0"):
    with open(path, "w") as file:
        file.write(text)
        return "written"

# Of x86_64: what of the kernel a program could attack, and what would give it rights in a namespace of its own.
CALLS = {
    "bpf": (321, (0, 0, 0)), "io_uring": (425, (1, 0)), "keyctl": (250, (0, -3, 0)), "add_key": (248, (0, 0, 0, 0, -3)),
    "ptrace": (101, (0, 0, 0, 0)), "memory of others": (310, (1, 0, 0, 0, 0, 0)), "perf": (298, (0, 0, -1, -1, 0)),
    "userfaultfd": (323, (0,)), "user namespace": (272, (0x10000000,)), "clone3": (435, (0, 0)),
    "user namespace by clone": (56, (0x10000000 | 17, 0, 0, 0, 0)), "kexec": (246, (0, 0, 0, 0)),
    "module": (313, (-1, 0, 0)), "handle": (304, (-1, 0, 0)), "setns": (308, (-1, 0)), "open_tree": (428, (-100, 0, 0)),
    "fsopen": (430, (0, 0)), "swap": (167, (0, 0)), "reboot": (169, (0, 0, 0, 0)), "kernel log": (103, (3, 0, 0)),
    "of 32 bits": (0x40000000 | 39, ()), "vsock": (41, (40, 1, 0)), "kernel ciphers": (41, (38, 5, 0)),
    "a socket of the cards": (41, (44, 3, 0)), "bluetooth": (41, (31, 3, 0)),
}

def called(libc, number, *arguments):
    ctypes.set_errno(0)
    found = libc.syscall(*map(ctypes.c_long, (number, *arguments)))
    return found if found >= 0 else -ctypes.get_errno()

def look(given):
    libc = ctypes.CDLL(None, use_errno=True)
    found = {
        "secret": tried(lambda: open(given["secret"]).read()),
        "shadow": tried(lambda: open("/etc/shadow").read()),
        "package": tried(lambda: os.listdir(given["package"])),
        "homes": {path: sorted(os.listdir(path)) for path in ("/home", "/root")},
        "state": {path: sorted(os.listdir(path)) for path in ("/var/lib", "/var/log", "/run", "/srv", "/mnt", "/tmp")
                  if os.path.isdir(path)},
        "root": sorted(os.listdir("/")),
        "devices": sorted(os.listdir("/dev")),
        "shared memory": tried(lambda: write("/dev/shm/aleph-hostile")),
        "run": tried(lambda: write("/run/aleph-hostile")),
        "usr": tried(lambda: write("/usr/lib/aleph-hostile")),
        "groups": glob.glob("/sys/fs/cgroup/*"),
        "kernel setting": tried(lambda: write("/proc/sys/vm/overcommit_memory", "1")),
        "core pattern": tried(lambda: write("/proc/sys/kernel/core_pattern", "|/tmp/x")),
        "trigger": tried(lambda: write("/proc/sysrq-trigger", "h")),
        "sysfs": tried(lambda: write("/sys/devices/system/cpu/cpu0/online", "1")),
        "mount": libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None),
        "groups mounted": libc.mount(b"none", b"/tmp", b"cgroup", 0, b"memory"),
        "new root": libc.chroot(b"/tmp"),
        "device": tried(lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0))),
        "clock": tried(lambda: __import__("time").clock_settime(0, 0)),
        "module": libc.syscall(313, -1, b"", 0),
        "others": [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) > 1 and pid != str(os.getpid())
                   and given["host"] in str(tried(lambda: open(f"/proc/{pid}/cmdline").read()))],
        "capabilities": int(next(l for l in open("/proc/self/status") if l.startswith("CapEff")).split()[1], 16),
        "privileges": next(l for l in open("/proc/self/status") if l.startswith("NoNewPrivs")).split()[1],
        "commands": [name for name in ("git", "psql", "sudo", "hatch", "uv", "gdb", "java") if shutil.which(name)],
        "modules": [name for path in glob.glob("/usr/lib/python3/dist-packages") for name in os.listdir(path)],
        "libraries": [name for name in ("libGL.so.1", "libpq.so.5", "libmagic.so.1", "libxml2.so.2", "libopus.so.0")
                      if not isinstance(tried(lambda: ctypes.CDLL(name)), str)],
        "found": {name: ctypes.util.find_library(name) for name in ("c", "GL", "pq", "magic", "xml2", "opus")},
        "listed in vain": [line for line in subprocess.getoutput("ldconfig -p").splitlines()
                           if " => " in line and not os.path.exists(line.split(" => ")[1])],
        "shell": tried(lambda: subprocess.check_output(["sh", "-c", "echo of the system"], text=True).strip()),
        "calls": {name: called(libc, number, *arguments) for name, (number, arguments) in CALLS.items()},
        "space": (lambda found: found.f_blocks * found.f_frsize)(os.statvfs("/tmp")),
        "all spaces": len({os.stat(path).st_dev for path in ("/tmp", "/run", "/dev/shm", "/var/tmp", "/home", "/data")
                           if os.path.isdir(path)}),
        "environment": sorted(os.environ),
        "path": os.environ["PATH"],
    }
    return found
"""


@pytest.fixture(params=["at once", "booted ahead"])
def standby(request, sandboxed):
    """None, or what has a guest that was booted before there was a program."""
    standby = Standby() if request.param == "booted ahead" else None
    if standby:
        standby.begin(sandboxed, "3.11")
        assert standby.isolation() == sandboxed.isolation
    yield standby
    if standby:
        standby.close()


@pytest.fixture
def found(sandboxed, run, tmp_path, standby):
    secret = tmp_path / "secret.txt"
    secret.write_text("the developer's own")
    given = {"secret": str(secret), "host": "pytest", "package": str(PACKAGE)}
    source = LOOKS + answer_with(200, "[]", f"json.dumps(look({given!r})).encode()")

    async def use(machine):
        answer = await machine.request("GET", "/")
        assert answer.status == 200, answer.body.decode()
        return json.loads(answer.body)

    os.environ["ALEPH_TEST_OF_SECRETS"] = "never passed on"
    try:
        return run(source, use, where=sandboxed, limits=Limits(), standby=standby, memory=MEBIBYTES)
    finally:
        del os.environ["ALEPH_TEST_OF_SECRETS"]


def next_part(path, folder):
    """Return the name in a folder that leads to what is below it; None where the folder is not on the way."""
    return path.relative_to(folder).parts[0] if path.is_relative_to(folder) else None


def test_it_finds_nothing_of_the_developers(found, sandboxed):
    assert found["secret"].startswith("FileNotFoundError")
    assert found["shadow"].startswith("FileNotFoundError")
    assert found["package"].startswith("FileNotFoundError")  # wherever this clone lies
    shown = {**found["homes"], **found["state"]}
    for folder, names in shown.items():  # the way to the interpreter, and nothing beside it
        assert set(names) <= {"socat-socket", next_part(sandboxed.python, folder)}, shown
    assert found["others"] == []
    assert "ALEPH_TEST_OF_SECRETS" not in found["environment"]
    assert not {name for name in found["devices"] if name.startswith(("sd", "vd", "nvme", "loop", "mem", "kmsg"))}


def test_what_it_writes_stays_in_it(found):
    for place in ("/dev/shm/aleph-hostile", "/run/aleph-hostile", "/usr/lib/aleph-hostile"):  # noqa: S108
        assert not Path(place).exists()
    for setting in ("kernel setting", "core pattern", "trigger", "sysfs"):
        assert found[setting].startswith(("OSError", "PermissionError", "FileNotFoundError")), (setting, found[setting])


def test_it_cannot_leave(found):
    assert found["groups"] == []
    assert found["mount"] == found["groups mounted"] == found["new root"] == found["module"] == -1
    for action in ("device", "clock"):
        assert found[action].startswith(("PermissionError", "OSError")), found[action]
    assert found["privileges"] == "1"
    assert found["capabilities"] & ~0b100_1111_1011 == 0


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86_64")
def test_it_reaches_no_rarely_used_part_of_the_kernel(found):
    expected = dict.fromkeys(found["calls"], -errno.EPERM)
    expected |= dict.fromkeys(("io_uring", "clone3", "of 32 bits"), -errno.ENOSYS)
    expected |= dict.fromkeys(("vsock", "kernel ciphers", "a socket of the cards", "bluetooth"), -errno.EAFNOSUPPORT)
    assert found["calls"] == expected
    assert len(found["calls"]) >= 24


def test_what_it_writes_is_bounded_by_its_memory(found):
    assert found["space"] == MEBIBYTES << 20
    assert found["all spaces"] == 1


def test_it_meets_the_runtimes_commands_and_not_the_developers(found):
    assert found["commands"] == found["libraries"] == []
    assert found["found"] == dict.fromkeys(found["found"]) | {"c": "libc.so.6"}
    assert found["listed in vain"] == []
    there = [each.name for each in DEBIAN.glob("*")]
    assert sorted(found["modules"]) == sorted(each for each in there if re.split("[-.]", each)[0] in DEBIAN_MODULES)
    assert found["shell"] == "of the system"
    assert found["path"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can become nobody")
def test_without_root_it_finds_as_little(tmp_path_factory):
    """As nobody, with the system's own Python, as root's is behind a home that nobody may enter."""
    system = Path("/usr/bin/python3")
    if not system.exists():
        pytest.skip("the system has no Python")
    folder = Path(tmp_path_factory.mktemp("nobody"))
    for above in (folder, *folder.parents[:-2]):
        above.chmod(0o755)
    shutil.copytree(PACKAGE, folder / "aleph_host_inside")
    staging = folder / "staging"
    staging.mkdir(mode=0o777)
    staging.chmod(0o777)
    readable = folder / "readable.txt"
    readable.write_text("anybody may read this outside")
    plan = {"user": True, "net": False, "hostname": "nobody", "staging": str(staging), "fresh": ["/tmp", "/root"]}  # noqa: S108
    script = f"""{LOOKS}
import sys
sys.path.insert(0, {str(folder)!r})
from aleph_host_inside import sandbox
sandbox.enter({{**{plan!r}, "mounts": []}})
print(json.dumps(look({{"secret": {str(readable)!r}, "host": "pytest", "package": {str(PACKAGE)!r}}})))
"""
    command = [str(system), "-I", "-S", "-c", script]
    done = subprocess.run(
        command, user=65534, group=65534, extra_groups=[], capture_output=True, text=True, check=False
    )
    if "unshare" in done.stderr:
        pytest.skip(f"no user namespaces for nobody: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["secret"].startswith("FileNotFoundError")
    assert found["shadow"].startswith("FileNotFoundError")
    assert found["homes"] == {"/home": [], "/root": []}
    assert found["groups"] == found["others"] == found["commands"] == []
    assert found["mount"] == found["new root"] == -1
    assert found["capabilities"] & ~0b100_1111_1011 == 0


def test_without_internet_it_has_a_network_of_its_own_to_set_up(sandboxed, run):
    """As the adapter does for executables, whose port would be out of reach otherwise."""
    source = """
import fcntl, socket, struct
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
flags = struct.unpack("16sH14x", fcntl.ioctl(control, 0x8913, struct.pack("16sH14x", b"lo", 0)))[1]
fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", flags | 1))
server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()
socket.create_connection(server.getsockname()).close()
""" + answer_with(200, "[]", "b'reached'")

    async def use(machine):
        return (await machine.request("GET", "/")).body

    assert run(source, use, where=sandboxed, internet=False) == b"reached"


@pytest.mark.skipif(not shutil.which("mksquashfs"), reason="our own writer makes no devices")
def test_a_device_in_an_image_opens_none_of_this_machines(sandboxed, run, tmp_path):
    empty, image = tmp_path / "empty", tmp_path / "devices.squashfs"
    empty.mkdir()
    devices = {"disk": "b 666 0 0 7 0", "zeros": "c 666 0 0 1 5"}
    made = [part for name, kind in devices.items() for part in ("-p", f"{name} {kind}")]
    subprocess.run(["mksquashfs", str(empty), str(image), "-quiet", *made], check=True, capture_output=True)
    source = """
import os
def opened(name):
    try:
        os.close(os.open(f"/opt/devices/{name}", os.O_RDONLY | os.O_NONBLOCK))
    except PermissionError:
        return False
    return True
""" + answer_with(200, "[]", f"repr([opened(name) for name in {sorted(devices)}]).encode()")

    async def use(machine):
        return (await machine.request("GET", "/")).body

    volumes = (VolumeSpec(mount="/opt/devices", image=image),)
    if sandboxed.isolation.user:
        with pytest.raises(GuestError, match="holds 'disk', a device, pipe or socket"):
            run(source, use, where=sandboxed, volumes=volumes)
    else:
        assert run(source, use, where=sandboxed, volumes=volumes) == b"[False, False]"


def test_a_link_in_an_image_leads_no_volume_out(sandboxed, run, tmp_path):
    outside, images = tmp_path / "outside", [tmp_path / "links.squashfs", tmp_path / "other.squashfs"]
    outside.mkdir()
    links = {"out": str(outside), "in": "/tmp"}  # noqa: S108 - the program's own
    write_image([Entry(name, "symlink", 0o777, target=target) for name, target in sorted(links.items())], images[0])
    write_image([Entry("file", "file", 0o644, b"seen")], images[1])
    source = answer_with(200, "[]", 'open("/tmp/made/file", "rb").read()')

    async def use(machine):
        return (await machine.request("GET", "/")).body

    def volumes(place):
        return tuple(VolumeSpec(mount=mount, image=each) for mount, each in zip(("/opt/a", place), images, strict=True))

    with pytest.raises(StartError):
        run(source, use, where=sandboxed, volumes=volumes("/opt/a/out/made"))
    assert not list(outside.iterdir())
    assert run(source, use, where=sandboxed, volumes=volumes("/opt/a/in/made")) == b"seen"


def test_what_it_leaves_in_a_volume_is_in_nobody_elses_reach(sandboxed, run):
    """A file with the bit that gives its user's rights to whoever starts it, for one."""
    source = "import os\nopen('/kept/sh', 'w').close()\nos.chmod('/kept/sh', 0o6755)\n" + answer_with(200, "[]", "b''")
    volumes = (VolumeSpec(mount="/kept", kind="persistent", name="kept"),)

    async def use(machine):
        return (await machine.request("GET", "/")).status

    assert run(source, use, where=sandboxed, volumes=volumes) == 200
    assert [path.name for path in sandboxed.volumes.rglob("sh")] == ["sh"]
    assert sandboxed.volumes.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("size", [0, 1, LONGEST_LINE - 1, 3 * LONGEST_LINE])
def test_what_it_prints_without_end_is_kept_up_to_a_bound(size):
    console = Console()
    for _ in range(KEPT_LINES + 5 if size <= 1 else 2 * KEPT_CHARACTERS // size):
        console.feed(b"x" * size + b"\n")
    assert 0 < len(console.lines) <= KEPT_LINES
    assert sum(len(line.text) for line in console.lines) <= KEPT_CHARACTERS
