"""Runs a runtime image's own init outside a VM: its vsock sockets become unix sockets.

Stands alone: it is started by the image's Python as ``python3 -OO vsock.py LISTENER_FD INIT``. What the init binds is
the inherited listener; what it connects to is a socket beside this file. The init binds port 52 for instructions and
connects to the host's port 52 to say that it is there (``init1.py`` of the runtimes in aleph-im/aleph-vm).
"""

from __future__ import annotations

import os
import runpy
import socket
import sys
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent
_listener_fd = -1


class VirtualSocket(socket.socket):
    """A socket whose vsock addresses lead to the host's unix sockets; other families are left alone."""

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:  # noqa: A002
        self._is_vsock = family == socket.AF_VSOCK
        super().__init__(socket.AF_UNIX if self._is_vsock else family, type, proto, fileno)

    def bind(self, address: Any) -> None:
        """Become the listener that the host has made."""
        if self._is_vsock:
            os.dup2(_listener_fd, self.fileno())
        else:
            super().bind(address)

    def connect(self, address: Any) -> None:
        """Reach the host's socket for a port."""
        super().connect(f"{_FOLDER}/host-{address[1]}" if self._is_vsock else address)


def main() -> None:
    """Run the init as the kernel would: as ``__main__``, under its own name."""
    global _listener_fd
    _listener_fd, init = int(sys.argv[1]), sys.argv[2]
    sys.argv = [init]
    sys.path[0] = str(Path(init).parent)
    socket.socket = VirtualSocket  # type: ignore[misc]
    runpy.run_path(init, run_name="__main__")


if __name__ == "__main__":
    main()
