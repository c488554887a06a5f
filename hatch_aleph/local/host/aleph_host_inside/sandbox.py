"""A file system, devices and rights of the program's own: what the machine has is not there, unless it is shown here.

The new root is a tmpfs. The system's programs and libraries are shown through overlays with upper layers in memory, as
the guest's own root is (``runtimes/aleph-debian-12-python/init0.sh`` in aleph-im/aleph-vm), or bound read-only where
the kernel refuses; all else (homes, state, sockets, devices, kernel settings, control groups) is empty, made anew, or
read-only. Nothing the program writes reaches this machine, except in persistent volumes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import LIBRARIES_ROOT
from .loader_cache import without_missing
from .namespaces import (
    BIND,
    KEPT_CAPABILITIES,
    MOVE,
    NET_ADMIN,
    NODEV,
    NOEXEC,
    NOSUID,
    RDONLY,
    REC,
    REMOUNT,
    change_root,
    give_up_rights,
    leave_network,
    mount,
    separate,
)
from .runtime_files import COMMANDS, DEBIAN_MODULES, ETC, FOREIGN_LIBRARIES
from .system_calls import restrict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Flags of the source that a user namespace may not drop when it makes a bind mount read-only.
_LOCKED = {os.ST_NOSUID: NOSUID, os.ST_NODEV: NODEV, os.ST_NOEXEC: NOEXEC}
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/nix/store")
_EMPTY = ("/home", "/media", "/mnt", "/opt", "/run", "/srv", "/var/lib", "/var/log", "/var/tmp", "/usr/local")  # noqa: S108 - in the namespace
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_KERNEL_SETTINGS = ("sys", "irq", "bus", "fs", "acpi", "scsi", "sysrq-trigger")
_KERNEL_SECRETS = ("kcore", "keys", "timer_list", "kallsyms", "kmsg")
_LOADER_CACHE = Path("/etc/ld.so.cache")
_ASIDE = "/.machine"
_DEBIAN_MODULES = "/usr/lib/python3/dist-packages"
_PACKAGE = f"{_ASIDE}/host"  # this package's own folder: the way to it here is the developer's
_MEBIBYTES = 128


def enter(plan: dict[str, Any], closing: tuple[int, ...] = ()) -> None:
    """Return in a new process in the sandbox, as process 1 of its own; the calling process waits and ends with it.

    Args:
        plan: Of both parts.
        closing: File descriptors that the waiting process lets go of.
    """
    prepare(plan, closing)
    complete(plan)


def prepare(plan: dict[str, Any], closing: tuple[int, ...] = ()) -> None:
    """Return in a new process, as process 1 of its own, with the new root made but not entered.

    What runs before it is entered has all rights in its namespaces: nothing of a program may.

    Args:
        plan: ``user`` (map root through a user namespace), ``staging`` (an empty folder), ``fresh`` (paths that start
            empty), ``library`` (a folder that is shown as the init's modules, if any).
        closing: File descriptors that the waiting process lets go of.
    """
    separate(user=plan["user"], net=False, hostname="localhost", closing=closing)
    new = Path(plan["staging"])
    # All that the program writes is in this one, which holds as much as its memory.
    mount("tmpfs", str(new), "tmpfs", 0, f"mode=0755,size={_MEBIBYTES}m")
    _show_system(new)
    _make_etc(new)
    _make_devices(new)
    _mount_kernel_folders(new)
    for path in (*_EMPTY, *plan["fresh"]):
        _empty(new, path)
    _show_interpreter(new)
    if "library" in plan:
        library = f"{new}{LIBRARIES_ROOT}"
        Path(library).mkdir(parents=True)
        _bind_bounded(plan["library"], library, RDONLY)
    with visited(plan), contextlib.suppress(OSError):  # other C libraries have none
        _LOADER_CACHE.write_bytes(without_missing(_LOADER_CACHE.read_bytes(), _is_there))


@contextlib.contextmanager
def visited(plan: dict[str, Any]) -> Iterator[None]:
    """Be in the new root for a while, as files are named there; then in the machine's again."""
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.chroot(plan["staging"])
        os.chdir("/")
        yield
        os.chdir(root)
        os.chroot(".")
    finally:
        os.close(root)


def complete(plan: dict[str, Any]) -> None:
    """Enter the new root, with what the program has there, and give up all rights to leave it.

    Args:
        plan: As ``prepare``, and ``net`` (cut the network off, with ``lo`` down, or up when ``lo`` says so),
            ``hostname``, ``mebibytes`` (of memory, which bounds what is written), ``mounts`` (each ``at``, ``source``,
            ``kind`` "folder", "squashfs" or "socket", ``read_only``).
    """
    if plan["net"]:
        leave_network()
    if plan.get("lo"):
        print("local host: port 8080 is taken on this machine: no internet, but a port of its own")  # noqa: T201 - console
        subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    new = Path(plan["staging"])
    socket.sethostname(plan["hostname"])
    _name(new, plan["hostname"])
    mount("tmpfs", str(new), "tmpfs", REMOUNT, f"size={plan.get('mebibytes', _MEBIBYTES)}m")
    aside = [(each, _mount_aside(new, number, each)) for number, each in enumerate(plan["mounts"])]
    change_root(str(new))
    sys.modules[__package__].__path__ = [_PACKAGE]
    # Only now: a link in an image or volume leads the way to the next one's place, and must not lead out of here.
    for each, path in aside:
        _move_to_its_place(path, each)
    # In a network of its own a program may set it up, as the adapter does with `lo`.
    give_up_rights(KEPT_CAPABILITIES | ({NET_ADMIN} if plan["net"] else set()))
    if not restrict():
        print("local host: this kernel filters no system calls", file=sys.stderr)  # noqa: T201 - the machine's console


def _show_system(new: Path) -> None:
    """Show the system's folders; of the commands only those that the runtime has."""
    layers = new / ".layers"
    layers.mkdir(0o700)
    for index, path in enumerate(_SYSTEM):
        real, target = Path(path), Path(str(new) + path)
        if real.is_symlink():
            target.symlink_to(real.readlink())
        elif real.is_dir():
            target.mkdir(parents=True)
            upper, work = layers / f"{index}u", layers / f"{index}w"
            upper.mkdir(0o755)
            work.mkdir()
            options = f"lowerdir={real},upperdir={upper},workdir={work}"
            try:
                mount("overlay", str(target), "overlay", 0, options)
            except OSError:
                _bind_read_only(path, target)
    _show_runtimes_own(new)


def _show_runtimes_own(new: Path) -> None:
    for path in ("/usr/bin", "/usr/sbin", "/bin", "/sbin"):
        if Path(path).is_dir() and not Path(path).is_symlink():
            _show_some(new, path, lambda name: name in COMMANDS or name.startswith(("python3", "pip3", "perl5")))
    if Path(_DEBIAN_MODULES).is_dir():
        _show_some(new, _DEBIAN_MODULES, lambda name: name.partition("-")[0].partition(".")[0] in DEBIAN_MODULES)
    for path in ("/usr/lib", "/usr/lib64", "/lib64", *(str(each) for each in Path("/usr/lib").glob("*-linux-gnu"))):
        for library in Path(path).iterdir() if Path(path).is_dir() and not Path(path).is_symlink() else ():
            if library.name.startswith(FOREIGN_LIBRARIES):
                with contextlib.suppress(OSError):  # shown read-only: it stays
                    Path(f"{new}{library}").unlink()


def _show_some(new: Path, path: str, shown: Callable[[str], bool]) -> None:
    """Show some of what a folder holds, by links into the real one, which stands aside."""
    aside, target = Path(f"{new}{_ASIDE}{path}"), Path(str(new) + path)
    aside.mkdir(parents=True)
    _bind_read_only(path, aside)
    mount("tmpfs", str(target), "tmpfs", 0, "mode=0755,size=4m")
    for each in Path(path).iterdir():
        if shown(each.name):
            (target / each.name).symlink_to(f"{_ASIDE}{each}")


def _is_there(library: bytes) -> bool:
    """Tell whether a library is shown; asked is for what may be hidden alone, as asking for all takes 20 ms."""
    path = os.fsdecode(library)
    hidden = path.startswith(_EMPTY) or path.rpartition("/")[2].startswith(FOREIGN_LIBRARIES)
    return not hidden or Path(path).exists()


def _make_etc(new: Path) -> None:
    etc = new / "etc"
    etc.mkdir()
    for name in ETC:
        real, target = Path("/etc", name), etc / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # not there, or not for this user
            if real.is_dir():
                target.mkdir()
                _bind_read_only(str(real), target)
            else:  # by content: what a link leads to is not shown
                target.write_bytes(real.read_bytes())
    own = {
        "passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        "group": "root:x:0:\nnogroup:x:65534:\n",
    }
    for name, text in own.items():
        (etc / name).write_text(text)


def _name(new: Path, hostname: str) -> None:
    (new / "etc/hostname").write_text(f"{hostname}\n")
    (new / "etc/hosts").write_text(f"127.0.0.1 localhost {hostname}\n::1 localhost\n")


def _make_devices(new: Path) -> None:
    devices = new / "dev"
    devices.mkdir()
    for name in _DEVICES:
        (devices / name).touch()
        mount(f"/dev/{name}", str(devices / name), None, BIND)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        (devices / name).symlink_to(target)
    _empty(new, "/dev/shm")  # noqa: S108 - in the namespace


def _mount_kernel_folders(new: Path) -> None:
    """Give ``/proc`` of the own processes, and of ``/sys`` what tells of processors; neither can be written."""
    processors = new / "sys/devices/system"
    processors.mkdir(parents=True)
    with contextlib.suppress(OSError):
        _bind_read_only("/sys/devices/system", processors)
    processes = new / "proc"
    processes.mkdir()
    try:
        mount("proc", str(processes), "proc", NOSUID | NODEV | NOEXEC)
    except OSError:
        # Containers that hide parts of /proc forbid a new one: the outer one has other process numbers.
        mount("/proc", str(processes), None, BIND | REC)
    for name in _KERNEL_SETTINGS:
        if (processes / name).exists():
            mount(str(processes / name), str(processes / name), None, BIND | REC)
            _make_read_only(str(processes / name))
    for name in _KERNEL_SECRETS:
        if (processes / name).exists():
            mount("/dev/null", str(processes / name), None, BIND)


def _show_interpreter(new: Path) -> None:
    """Show this interpreter where it is not shown yet, such as below a home, and this package."""
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    needed = {sys.prefix, sys.base_prefix, sys.exec_prefix, *libraries}
    for path in sorted(each for each in needed if each.startswith("/") and Path(each).is_dir()):
        target = Path(str(new) + path)
        if path == "/usr/local" or not target.exists():
            target.mkdir(parents=True, exist_ok=True)
            _bind_read_only(path, target)
    package = Path(f"{new}{_PACKAGE}")
    package.mkdir(parents=True)
    _bind_read_only(str(Path(__file__).parent), package)


def _mount_aside(new: Path, number: int, volume: dict[str, Any]) -> str:
    """Mount one volume where nothing of another is on the way; return the path, as it is once the root is changed."""
    aside = f"{_ASIDE}/{number}"
    target = Path(f"{new}{aside}")
    target.parent.mkdir(exist_ok=True)
    if volume["kind"] == "socket":
        target.touch()
        mount(volume["source"], str(target), None, BIND)
        return aside
    target.mkdir()
    if volume["kind"] == "squashfs":
        # Devices that an image holds are none here.
        options = "ro,loop,nodev,nosuid"
        subprocess.run(["mount", "-t", "squashfs", "-o", options, volume["source"], str(target)], check=True)
    else:
        _bind_bounded(volume["source"], str(target), RDONLY if volume["read_only"] else 0)
    return aside


def _bind_bounded(source: str, target: str, flags: int) -> None:
    mount(source, target, None, BIND)
    _remount(target, NODEV | NOSUID | flags)


def _move_to_its_place(aside: str, volume: dict[str, Any]) -> None:
    """Move a volume to where the program has it: its folder is made first, which fails below a read-only one."""
    target = Path(volume["at"])
    if volume["kind"] == "socket":
        target.touch()
    else:
        target.mkdir(parents=True, exist_ok=True)
    mount(aside, str(target), None, MOVE)


def _empty(new: Path, path: str) -> None:
    target, empty = Path(str(new) + path), Path(f"{new}/.empty{path}")
    target.mkdir(parents=True, exist_ok=True)
    empty.mkdir(parents=True, exist_ok=True)
    empty.chmod(0o1777)
    mount(str(empty), str(target), None, BIND)


def _bind_read_only(source: str, target: Path) -> None:
    mount(source, str(target), None, BIND | REC)
    _make_read_only(str(target))


def _make_read_only(target: str) -> None:
    _remount(target, RDONLY)


def _remount(target: str, flags: int) -> None:
    """Bound what can be done by a bind mount."""
    kept = sum(bit for flag, bit in _LOCKED.items() if os.statvfs(target).f_flag & flag and not flags & bit)
    try:
        mount(None, target, None, REMOUNT | BIND | flags | kept)
    except OSError as error:
        print(f"local host: {target} stays as it is: {error}", file=sys.stderr)  # noqa: T201 - the machine's console
