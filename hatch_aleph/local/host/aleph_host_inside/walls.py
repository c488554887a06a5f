"""Namespaces that give the program the guest's file system: ``/opt/code`` and ``/opt/packages`` are real paths.

The new root is a tmpfs in which this machine's folders are shown, each through an overlay whose upper layer is in
memory (as the guest's own root is: ``runtimes/aleph-debian-12-python/init0.sh`` in aleph-im/aleph-vm), or bound
read-only where the kernel refuses. Nothing the program writes reaches this machine, except in persistent volumes.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

# linux/sched.h, linux/mount.h, linux/prctl.h
_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_DETACH = 2
_PDEATHSIG = 1
# Flags of the source that a user namespace may not drop when it makes a bind mount read-only.
_LOCKED = {os.ST_NOSUID: _NOSUID, os.ST_NODEV: _NODEV, os.ST_NOEXEC: _NOEXEC}
# Shown as they are: kernel interfaces, and folders that other processes write.
_LIVE = frozenset({"/dev", "/sys", "/run"})

_libc = ctypes.CDLL(None, use_errno=True)


def enter(plan: dict[str, Any], closing: tuple[int, ...] = ()) -> None:
    """Return in a new process behind the walls, as process 1 of its own; the calling process waits and ends with it.

    Args:
        plan: ``user`` (map root through a user namespace), ``net`` (cut the network off, with ``lo`` down, or up when
            ``lo`` says so), ``hostname``, ``staging`` (an empty folder), ``fresh`` (paths that start empty),
            ``mounts`` (each ``at``, ``source``, ``kind`` "folder", "squashfs" or "zip", ``read_only``).
        closing: File descriptors that the waiting process lets go of.
    """
    uid, gid = os.getuid(), os.getgid()
    flags = _NEWNS | _NEWUTS | _NEWIPC | _NEWPID
    flags |= _NEWUSER if plan["user"] else 0
    flags |= _NEWNET if plan["net"] else 0
    _check(_libc.unshare(flags), "unshare")
    if plan["user"]:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {uid} 1")
        _write("/proc/self/gid_map", f"0 {gid} 1")
    child = os.fork()
    if child:
        for descriptor in closing:
            os.close(descriptor)
        _wait_for(child)
    _libc.prctl(_PDEATHSIG, signal.SIGKILL)
    socket.sethostname(plan["hostname"])
    if plan.get("lo"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    _change_root(plan)


def _wait_for(child: int) -> None:
    """End as the guest ends. The host's death, or its kill of this process, takes the guest with it."""
    _libc.prctl(_PDEATHSIG, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _change_root(plan: dict[str, Any]) -> None:
    _mount(None, "/", None, _REC | _PRIVATE)
    new = plan["staging"]
    _mount("tmpfs", new, "tmpfs", 0, "mode=0755")
    layers = Path(new, ".layers")
    layers.mkdir()
    points = [*plan["fresh"], *(mount["at"] for mount in plan["mounts"])]
    _Room(Path(new), layers, points).furnish(Path("/"))
    _mount_proc(new)
    for path in plan["fresh"]:
        _make_folder(new, path)
        _mount("tmpfs", new + path, "tmpfs", 0, "mode=1777")
    _keep_interpreter(new, plan["fresh"])
    for mount in plan["mounts"]:
        _mount_volume(new, mount)
    os.chdir(new)
    _check(_libc.syscall(_pivot_root_number(), b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _DETACH), "umount of the old root")
    os.chdir("/")


class _Room:
    """Shows this machine's tree in the new root, leaving out what will be mounted."""

    def __init__(self, new: Path, layers: Path, points: list[str]) -> None:
        self._new = new
        self._layers = layers
        self._points = [Path(point) for point in points]
        self._submounts = _mount_points()
        self._count = 0

    def furnish(self, folder: Path) -> None:
        for entry in sorted(folder.iterdir()):
            target = self._new / entry.relative_to("/")
            if entry in self._points or entry == Path("/proc") or entry == self._new:
                continue
            if entry.is_symlink():
                target.symlink_to(entry.readlink())
            elif not entry.is_dir():
                target.touch()
                self._bind(entry, target)
            elif any(entry in point.parents for point in self._points) or entry in self._new.parents:
                target.mkdir()
                self.furnish(entry)
            else:
                target.mkdir()
                self._show(entry, target)

    def _show(self, real: Path, target: Path) -> None:
        """Lay an overlay with a layer in memory over a folder, or bind one that is live or has mounts below."""
        live = str(real) in _LIVE or any(real in point.parents or real == point for point in self._submounts)
        if live or not self._overlay(real, target):
            self._bind(real, target)

    def _overlay(self, real: Path, target: Path) -> bool:
        self._count += 1
        upper, work = self._layers / f"{self._count}u", self._layers / f"{self._count}w"
        if any(character in str(real) for character in ":,\\"):
            return False
        upper.mkdir(mode=real.stat().st_mode & 0o7777)
        work.mkdir()
        try:
            _mount("overlay", str(target), "overlay", 0, f"lowerdir={real},upperdir={upper},workdir={work}")
        except OSError:
            return False
        return True

    def _bind(self, real: Path, target: Path) -> None:
        try:
            _mount(str(real), str(target), None, _BIND | _REC)
        except OSError:
            return  # this user may not see it either
        if str(real) not in _LIVE:
            _make_read_only(str(target))


def _keep_interpreter(new: str, hidden: list[str]) -> None:
    """Show this interpreter and this package again where they lie in what was hidden, such as a folder in /tmp."""
    needed = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(__file__).resolve().parent.parent)}
    for path in sorted(needed):
        if any(Path(folder) in Path(path).parents for folder in hidden) and not Path(new + path).exists():
            _make_folder(new, path)
            _mount(path, new + path, None, _BIND | _REC)
            _make_read_only(new + path)


def _mount_volume(new: str, mount: dict[str, Any]) -> None:
    """Mount one volume as init does: its folder is made first, which fails below a read-only one."""
    _make_folder(new, mount["at"])
    target = new + mount["at"]
    if mount["kind"] == "squashfs":
        subprocess.run(["mount", "-t", "squashfs", "-o", "ro,loop", mount["source"], target], check=True)
        return
    _mount(mount["source"], target, None, _BIND | _REC)
    if mount["read_only"]:
        _make_read_only(target)


def _mount_proc(new: str) -> None:
    _make_folder(new, "/proc")
    try:
        _mount("proc", new + "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    except OSError:
        # Containers that hide parts of /proc forbid a new one: the outer one has other process numbers.
        _mount("/proc", new + "/proc", None, _BIND | _REC)


def _make_folder(new: str, path: str) -> None:
    Path(new + path).mkdir(parents=True, exist_ok=True)


def _make_read_only(target: str) -> None:
    kept = sum(bit for flag, bit in _LOCKED.items() if os.statvfs(target).f_flag & flag)
    try:
        _mount(None, target, None, _REMOUNT | _BIND | _RDONLY | kept)
    except OSError as error:
        print(f"local host: {target} stays writable: {error}", file=sys.stderr)  # noqa: T201 - the machine's console


def _mount_points() -> list[Path]:
    """The places where something is mounted, except the root itself."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    escaped = (line.split()[4] for line in lines)
    points = (Path(field.encode().decode("unicode_escape")) for field in escaped)
    return [point for point in points if point != Path("/")]


def _pivot_root_number() -> int:
    return {"x86_64": 155, "aarch64": 41, "riscv64": 41}.get(os.uname().machine, 217)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    options = None if data is None else os.fsencode(data)
    _check(_libc.mount(*encoded, ctypes.c_ulong(flags), options), f"mount of {target}")


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _write(path: str, text: str) -> None:
    Path(path).write_text(text)
