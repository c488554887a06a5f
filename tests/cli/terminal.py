"""A command in a terminal of its own, as somebody sits before it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time

# Makes the terminal the one that Ctrl-C comes from, then becomes the command: no code of ours runs after a fork.
_TAKES_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A running command.

    Attributes:
        shown: All that it has printed.
    """

    def __init__(self, command, folder, environment=None, *, term="dumb"):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", _TAKES_TERMINAL, *command],
            cwd=folder,
            env={**(environment or os.environ), "TERM": term},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        os.set_blocking(self.master, False)
        self.shown = ""

    def until(self, text, seconds=60):
        """Read until it has printed a text."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            assert self.process.poll() is None or self._read(), self.shown
            self._read()
        return self.shown

    def until_it_asks(self, seconds=120):
        """Read until it has printed what a prompt ends with, and then nothing for a while."""
        deadline = time.monotonic() + seconds
        while not (self.shown.endswith(": ") and not any(self._read() for _ in range(15))):
            assert time.monotonic() < deadline, self.shown
            assert self.process.poll() is None or self._read(), self.shown
            self._read()
        return self.shown

    def type(self, text):
        """Type a text."""
        os.write(self.master, text.encode())

    def interrupt(self):
        """Press Ctrl-C until it has ended, and return its exit code.

        A signal that comes in the few instructions between a prompt and Python's read of the answer is noted, and
        heeded when that read ends: somebody presses again.
        """
        for _ in range(5):
            self.type("\x03")
            if (code := self.end(seconds=10)) is not None:
                return code
        return None

    def end(self, seconds=120):
        """Read until it has ended, and return its exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read()
        while self._read():
            pass
        return self.process.poll()

    def _read(self):
        try:
            more = os.read(self.master, 65536).decode(errors="replace")
        except (BlockingIOError, OSError):
            time.sleep(0.02)
            return False
        self.shown += more
        return bool(more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        os.close(self.master)
