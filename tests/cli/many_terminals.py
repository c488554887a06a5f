"""Run many commands, each on a terminal of its own, until each has said often enough that it works.

Reads a list of command lines from stdin; each works on a copy of the folder `project`. They are forks of this process,
which has loaded what they need: to start each as a process of its own takes several times as long.
"""

from __future__ import annotations

import importlib
import json
import os
import pty
import re
import selectors
import shutil
import signal
import sys
import time

from hatch_aleph.cli import run
from hatch_aleph.commands import COMMANDS

# A last line with its time, drawn over itself; one that cannot be erased, with dots behind it.
TIMES = re.compile(rb"[A-Z][a-z-]+ing[^\r\n]* (\d+\.\d|\d+ ms)")
DOTS = re.compile(rb"[A-Z][a-z-]+ing[^\r\n]* (?:\d+\.\d s|\d+ ms)\.{3}")
SECONDS = 120.0  # no more than a bound: others may keep the machine busy


def main() -> None:
    commands = json.load(sys.stdin)
    for module in {module for module, _, _ in COMMANDS.values()}:
        importlib.import_module(f"hatch_aleph.cli.{module}")
    for module in ("build", "deploy.apply", "network.client", "network.transport", "programs.creation"):
        importlib.import_module(f"hatch_aleph.{module}")
    running = {}
    with selectors.DefaultSelector() as terminals:
        for number, command in enumerate(commands):
            folder = shutil.copytree("project", f"project {number}")  # of its own: it may be locked
            pid, terminal = pty.fork()
            if not pid:
                os.chdir(folder)
                os.environ["TERM"] = ("xterm", "dumb")[number % 2]
                os._exit(run(command))
            terminals.register(terminal, selectors.EVENT_READ)
            running[terminal] = (pid, command, bytearray())
        deadline = time.monotonic() + SECONDS
        while running:
            found = terminals.select(timeout=1.0)
            if time.monotonic() > deadline:
                sys.exit("\n".join(f"{command} says: {drawn.decode()}" for _, command, drawn in running.values()))
            for ready, _ in found:
                pid, command, drawn = running[ready.fd]
                try:
                    drawn += os.read(ready.fd, 65536)
                except OSError:
                    sys.exit(f"{command} has ended: {drawn.decode()}")
                if len(set(TIMES.findall(drawn))) > 10 or DOTS.search(drawn):
                    terminals.unregister(ready.fd)
                    del running[ready.fd]
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                    os.close(ready.fd)


main()
