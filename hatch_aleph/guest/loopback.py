"""Bring up the loopback interface, which the init leaves down in VMs without internet."""

from __future__ import annotations

import contextlib
import socket
import struct

# ioctls and flag of netdevice(7)
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1
_REQUEST = "16sH14x"


def raise_loopback() -> None:
    """Set ``lo`` up if it is down; the kernel gives it its addresses. Without the right to do so, leave it."""
    with contextlib.suppress(ImportError, OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        import fcntl  # absent outside Unix

        answer = fcntl.ioctl(control, _GET_FLAGS, struct.pack(_REQUEST, b"lo", 0))
        flags = struct.unpack(_REQUEST, answer)[1]
        if not flags & _UP:
            fcntl.ioctl(control, _SET_FLAGS, struct.pack(_REQUEST, b"lo", flags | _UP))
