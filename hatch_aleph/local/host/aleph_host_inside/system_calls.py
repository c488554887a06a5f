"""A filter of system calls (seccomp): of those that reach rarely used parts of the kernel and that no program needs.

libseccomp and its bindings would do the same, but they are the system's, for the system's own Python, and this runs in
whichever interpreter a program needs; a filter of names alone is the few instructions below. Numbers: the kernel's
``arch/x86/entry/syscalls/syscall_64.tbl`` and ``include/uapi/asm-generic/unistd.h``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

# By machine: its name for the kernel's audit, and the numbers of the calls.
_COMMON = """io_uring_setup 425 io_uring_enter 426 io_uring_register 427 open_tree 428 move_mount 429 fsopen 430
    fsconfig 431 fsmount 432 fspick 433 clone3 435 pidfd_getfd 438 mount_setattr 442"""
_MACHINES = {
    "x86_64": (
        0xC000003E,
        """ptrace 101 process_vm_readv 310 process_vm_writev 311 kexec_load 246 kexec_file_load 320 init_module 175
        finit_module 313 delete_module 176 bpf 321 perf_event_open 298 userfaultfd 323 add_key 248 request_key 249
        keyctl 250 open_by_handle_at 304 setns 308 syslog 103 mount 165 umount2 166 pivot_root 155 swapon 167
        swapoff 168 reboot 169 acct 163 quotactl 179 iopl 172 ioperm 173 clone 56 unshare 272 socket 41""",
    ),
    "aarch64": (
        0xC00000B7,
        """ptrace 117 process_vm_readv 270 process_vm_writev 271 kexec_load 104 kexec_file_load 294 init_module 105
        finit_module 273 delete_module 106 bpf 280 perf_event_open 241 userfaultfd 282 add_key 217 request_key 218
        keyctl 219 open_by_handle_at 265 setns 268 syslog 116 mount 40 umount2 39 pivot_root 41 swapon 224
        swapoff 225 reboot 142 acct 89 quotactl 60 clone 220 unshare 97 socket 198""",
    ),
}
# What a machine's own init does, as it boots an image.
BOOTING = frozenset(
    ("mount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "socket")
)
# Unix, IPv4, IPv6 and netlink: namespaces of the network do not hold vsock back, and nothing else is a program's.
_FAMILIES = (1, 2, 10, 16)
_X32 = 0x40000000
_NEW_USER = 0x10000000
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # linux/bpf_common.h
_NUMBER_AT, _MACHINE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16  # linux/seccomp.h: struct seccomp_data
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_SET_SECCOMP, _FILTER = 22, 2  # linux/prctl.h


def restrict(allowed: frozenset[str] = frozenset()) -> bool:
    """Refuse these system calls from now on, to this process and all that it starts; tell whether the kernel does.

    No new privileges must be possible any more. What is refused fails with EPERM; ``io_uring``, ``clone3`` and sockets
    of other families than the usual ones as if the kernel had none, for then libraries take the older calls.

    Args:
        allowed: Of the calls, those that stay.
    """
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        return False
    audit, calls = machine
    words = f"{calls} {_COMMON}".split()
    numbers = {words[at]: int(words[at + 1]) for at in range(0, len(words), 2)}
    program = _program(audit, numbers, allowed)
    code = ctypes.create_string_buffer(b"".join(program))
    filter_ = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_SET_SECCOMP, _FILTER, ctypes.c_char_p(filter_), 0, 0) == 0)


def _program(audit: int, numbers: dict[str, int], allowed: frozenset[str]) -> list[bytes]:
    absent = {numbers[name] for name in numbers if name.startswith("io_uring") or name == "clone3"}
    spaces = {numbers["clone"], numbers["unshare"]}
    sockets = {numbers["socket"]}
    refused = {number for name, number in numbers.items() if name not in allowed} - absent - spaces - sockets
    program = [
        _step(_LOAD, _MACHINE_AT),
        _step(_IF_EQUAL, audit, 1, 0),
        _refuse(errno.EPERM),
        _step(_LOAD, _NUMBER_AT),
        _step(_IF_AT_LEAST, _X32, 0, 1),
        _refuse(errno.ENOSYS),
    ]
    for number in sorted(refused):
        program += [_step(_IF_EQUAL, number, 0, 1), _refuse(errno.EPERM)]
    for number in sorted(absent):
        program += [_step(_IF_EQUAL, number, 0, 1), _refuse(errno.ENOSYS)]
    for number in sorted(spaces):  # another user namespace would give all capabilities inside of it
        program += [
            _step(_IF_EQUAL, number, 0, 4),
            _step(_LOAD, _FIRST_ARGUMENT_AT),
            _step(_IF_SET, _NEW_USER, 0, 1),
            _refuse(errno.EPERM),
            _step(_RETURN, _ALLOW),
        ]
    for number in sockets if "socket" not in allowed else ():
        program += [_step(_IF_EQUAL, number, 0, len(_FAMILIES) + 3), _step(_LOAD, _FIRST_ARGUMENT_AT)]
        program += [_step(_IF_EQUAL, family, len(_FAMILIES) - at, 0) for at, family in enumerate(_FAMILIES)]
        program += [_refuse(errno.EAFNOSUPPORT), _step(_RETURN, _ALLOW)]
    return [*program, _step(_RETURN, _ALLOW)]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _refuse(error: int) -> bytes:
    return _step(_RETURN, _ERROR | error)
