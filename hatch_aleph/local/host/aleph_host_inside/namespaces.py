"""Linux namespaces through libc: leave the machine's, mount, and change the root."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from pathlib import Path

# linux/sched.h, linux/mount.h, linux/prctl.h
_NEWNS, _NEWUTS, _NEWIPC = 0x00020000, 0x04000000, 0x08000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, MOVE, REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 8192, 16384, 1 << 18
_DETACH = 2
_PDEATHSIG = 1
_CAPBSET_DROP, _SET_NO_NEW_PRIVS = 24, 38
_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h
# What a root needs with files and processes of its own: chown, dac_override, fowner, fsetid, kill, setgid, setuid,
# net_bind_service.
KEPT_CAPABILITIES = frozenset((0, 1, 3, 4, 5, 6, 7, 10))
NET_ADMIN = 12
# Of a machine that is to mount and to set up its own network, as a runtime's init does: not what reaches the kernel.
BOOT_CAPABILITIES = frozenset(range(32)) - {16, 17, 19, 22, 25, 29, 30}

_libc = ctypes.CDLL(None, use_errno=True)


def separate(*, user: bool, net: bool, hostname: str, closing: tuple[int, ...]) -> None:
    """Return in a new process, which is process 1 of its own namespaces; the calling one waits and ends with it.

    Args:
        user: Map root through a user namespace, as this process is not root.
        net: Cut the network off; ``lo`` is down.
        hostname: The new host name.
        closing: File descriptors that the waiting process lets go of.

    Raises:
        OSError: The kernel refuses.
    """
    uid, gid = os.getuid(), os.getgid()
    flags = _NEWNS | _NEWUTS | _NEWIPC | _NEWPID
    flags |= _NEWUSER if user else 0
    flags |= _NEWNET if net else 0
    _check(_libc.unshare(flags), "unshare")
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    child = os.fork()
    if child:
        for descriptor in closing:
            os.close(descriptor)
        _wait_for(child)
    _libc.prctl(_PDEATHSIG, signal.SIGKILL)
    socket.sethostname(hostname)
    mount(None, "/", None, REC | _PRIVATE)


def leave_network() -> None:
    """Leave the machine's network for a new one, in which ``lo`` is down.

    Raises:
        OSError: The kernel refuses.
    """
    _check(_libc.unshare(_NEWNET), "unshare")


def _wait_for(child: int) -> None:
    """End as the guest ends. The host's death, or its kill of this process, takes the guest with it."""
    _libc.prctl(_PDEATHSIG, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def give_up_rights(kept: frozenset[int]) -> None:
    """Keep only some capabilities, for good: no program that is started later gets any back.

    Args:
        kept: Numbers of ``linux/capability.h``.

    Raises:
        OSError: The kernel refuses.
    """
    _check(_libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for number in range(last + 1):
        if number not in kept:
            _check(_libc.prctl(_CAPBSET_DROP, number, 0, 0, 0), "drop of a capability")
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapPrm"))
    bits = sum(1 << number for number in kept) & int(line.split()[1], 16)
    low, high = bits & 0xFFFFFFFF, bits >> 32
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    _check(_libc.capset(header, data), "capset")


def change_root(new: str) -> None:
    """Make a mount the root and let go of the old one."""
    os.chdir(new)
    _check(_libc.syscall(_pivot_root_number(), b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _DETACH), "umount of the old root")
    os.chdir("/")


def _pivot_root_number() -> int:
    return {"x86_64": 155, "aarch64": 41, "riscv64": 41}.get(os.uname().machine, 217)


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount one thing.

    Raises:
        OSError: The kernel refuses.
    """
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    options = None if data is None else os.fsencode(data)
    _check(_libc.mount(*encoded, ctypes.c_ulong(flags), options), f"mount of {target}")


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
