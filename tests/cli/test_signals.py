"""Signals that end a command: none is lost, and the exit code is the documented one, at whatever moment it comes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.squashfs.pool import in_background

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def test_a_signal_that_wakes_another_thread_ends_the_wait_for_a_job() -> None:
    """As one does that comes just before the main thread's call to wait, which is a moment no test can hit."""
    go_on = threading.Event()

    def work() -> None:
        time.sleep(0.2)  # the main thread waits by now
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        go_on.wait(20)
        go_on.set()

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    usual = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.raises(KeyboardInterrupt):
            in_background(work).result()
        assert not go_on.is_set()
    finally:
        go_on.set()
        signal.signal(signal.SIGTERM, usual)


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(
            "cli.cli.main = lambda **_: exec('os.kill(os.getpid(), signal.SIGTERM)\\nwhile True: pass')", id="exec"
        ),
        pytest.param("cli.encode_all = lambda: os.kill(os.getpid(), signal.SIGTERM)", id="start"),
    ],
)
def test_an_interrupt_has_one_exit_code(moment: str, tmp_path: Path) -> None:
    script = f"import os, signal, sys\nfrom hatch_aleph import cli\n{moment}\nsys.exit(cli.run([]))\n"
    (tmp_path / "moment.py").write_text(script)
    command = [sys.executable, "-m", "moment"]  # a script or -c would hide what Python makes of an interrupt
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")
