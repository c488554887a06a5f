"""Namespaces that give the program the guest's file system: ``/opt/code`` and ``/opt/packages`` are real paths.

The new root is a tmpfs in which this machine's folders are shown, each through an overlay whose upper layer is in
memory (as the guest's own root is: ``runtimes/aleph-debian-12-python/init0.sh`` in aleph-im/aleph-vm), or bound
read-only where the kernel refuses. Nothing the program writes reaches this machine, except in persistent volumes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .namespaces import BIND, NODEV, NOEXEC, NOSUID, RDONLY, REC, REMOUNT, change_root, mount, separate

# Flags of the source that a user namespace may not drop when it makes a bind mount read-only.
_LOCKED = {os.ST_NOSUID: NOSUID, os.ST_NODEV: NODEV, os.ST_NOEXEC: NOEXEC}
# Shown as they are: kernel interfaces, and folders that other processes write.
_LIVE = frozenset({"/dev", "/sys", "/run"})


def enter(plan: dict[str, Any], closing: tuple[int, ...] = ()) -> None:
    """Return in a new process in the sandbox, as process 1 of its own; the calling process waits and ends with it.

    Args:
        plan: ``user`` (map root through a user namespace), ``net`` (cut the network off, with ``lo`` down, or up when
            ``lo`` says so), ``hostname``, ``staging`` (an empty folder), ``fresh`` (paths that start empty),
            ``mounts`` (each ``at``, ``source``, ``kind`` "folder", "squashfs" or "socket", ``read_only``).
        closing: File descriptors that the waiting process lets go of.
    """
    separate(user=plan["user"], net=plan["net"], hostname=plan["hostname"], closing=closing)
    if plan.get("lo"):
        print("local host: port 8080 is taken on this machine: no internet, but a port of its own")  # noqa: T201 - console
        subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    new = plan["staging"]
    mount("tmpfs", new, "tmpfs", 0, "mode=0755")
    layers = Path(new, ".layers")
    layers.mkdir()
    points = [*plan["fresh"], *(each["at"] for each in plan["mounts"])]
    _Room(Path(new), layers, points).furnish(Path("/"))
    _mount_proc(new)
    for path in plan["fresh"]:
        _make_folder(new, path)
        mount("tmpfs", new + path, "tmpfs", 0, "mode=1777")
    _keep_interpreter(new, plan["fresh"])
    for each in plan["mounts"]:
        _mount_volume(new, each)
    change_root(new)


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
            mount("overlay", str(target), "overlay", 0, f"lowerdir={real},upperdir={upper},workdir={work}")
        except OSError:
            return False
        return True

    def _bind(self, real: Path, target: Path) -> None:
        try:
            mount(str(real), str(target), None, BIND | REC)
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
            mount(path, new + path, None, BIND | REC)
            _make_read_only(new + path)


def _mount_volume(new: str, volume: dict[str, Any]) -> None:
    """Mount one volume as init does: its folder is made first, which fails below a read-only one."""
    target = new + volume["at"]
    if volume["kind"] == "socket":
        Path(target).touch()
        mount(volume["source"], target, None, BIND)
        return
    _make_folder(new, volume["at"])
    if volume["kind"] == "squashfs":
        subprocess.run(["mount", "-t", "squashfs", "-o", "ro,loop", volume["source"], target], check=True)
        return
    mount(volume["source"], target, None, BIND | REC)
    if volume["read_only"]:
        _make_read_only(target)


def _mount_proc(new: str) -> None:
    _make_folder(new, "/proc")
    try:
        mount("proc", new + "/proc", "proc", NOSUID | NODEV | NOEXEC)
    except OSError:
        # Containers that hide parts of /proc forbid a new one: the outer one has other process numbers.
        mount("/proc", new + "/proc", None, BIND | REC)


def _make_folder(new: str, path: str) -> None:
    Path(new + path).mkdir(parents=True, exist_ok=True)


def _make_read_only(target: str) -> None:
    kept = sum(bit for flag, bit in _LOCKED.items() if os.statvfs(target).f_flag & flag)
    try:
        mount(None, target, None, REMOUNT | BIND | RDONLY | kept)
    except OSError as error:
        print(f"local host: {target} stays writable: {error}", file=sys.stderr)  # noqa: T201 - the machine's console


def _mount_points() -> list[Path]:
    """The places where something is mounted, except the root itself."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    escaped = (line.split()[4] for line in lines)
    points = (Path(field.encode().decode("unicode_escape")) for field in escaped)
    return [point for point in points if point != Path("/")]
