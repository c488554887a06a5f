"""What goes wrong around a deployment, as the user meets it: one error, the next step, an exit code; then it works."""

from __future__ import annotations

import contextlib
import errno
import os

import pytest

from hatch_aleph.cli import _unexpected
from tests.programs.rig import ask

APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"open"})
"""


TROUBLE = [
    (("--node", "http://127.0.0.1:9"), 9, "--node"),
    (("--private-key-file", "/dev/null"), 8, "private key"),
    (("--private-key-file", "/nowhere/key"), 8, "key"),
    (("--state-folder", "/dev/null/state"), 13, "--state-folder"),
    (("--profile", "prodution"), 3, "profile"),
    (("--plan", "/dev/null"), 13, "plan --out FILE"),
    ((), 13, "faucet"),
]


def test_trouble_is_one_error_with_the_next_step_and_then_it_works(cli, make_project):
    command = ("deploy", "--project", make_project({"main.py": APP}), "--yes", "--no-smoke")
    cli.network.faucet(cli.account.address, -(10**9))
    for options, code, step in TROUBLE:
        failed = cli(*command, *options)
        assert (options, failed.code) == (options, code), failed.err
        assert failed.err.count("Error: ") == 1
        assert step in failed.err.split("Error: ")[1]
        assert "Traceback" not in failed.err
        assert failed.out.count("http") == 0
    cli.network.faucet(cli.account.address, 10**9)
    done = cli.json(*command).result
    assert ask(done["urls"][0]) == (200, "open")
    assert cli.sent == ["STORE", "PROGRAM"]


@pytest.mark.root
def test_a_full_disk_is_told_wherever_it_is_met_and_then_it_works(cli, make_project, small_disk):
    full = small_disk("full", 64)
    descriptor = os.open(full / "filling", os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(descriptor, bytes(4096))
    os.close(descriptor)
    command = ("deploy", "--project", make_project({"main.py": APP}), "--yes", "--no-smoke")
    for options, code in ((("--state-folder", full / "state"), 13), (("--dist", full / "dist"), 6)):
        failed = cli(*command, *options)
        assert (options, failed.code) == (options, code), failed.err
        assert "No space left on device" in failed.err
        assert "Make room" in failed.err
    assert cli.sent == []
    assert cli.json(*command).result["changed"]
    assert cli.sent == ["STORE", "PROGRAM"]


@pytest.mark.parametrize(("code", "step"), [(errno.ENOSPC, "Make room"), (errno.EROFS, "Give write permission")])
def test_what_the_machine_refuses_is_no_defect(code, step):
    told = _unexpected(OSError(code, os.strerror(code), "/somewhere"))
    assert os.strerror(code) in told.message
    assert "/somewhere" in told.message
    assert step in (told.hint or "")
    assert "a defect" in _unexpected(OSError(errno.EBADF, "Bad file descriptor")).message


@pytest.mark.skipif(os.name == "nt", reason="needs pipes in folders")
@pytest.mark.parametrize(
    "command", [("init",), ("build", "--project"), ("plan", "--dist"), ("file", "upload"), ("inspect",)]
)
def test_a_path_that_is_neither_file_nor_folder_is_refused(command, cli, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "loop", tmp_path / "pipe", tmp_path / ("x" * 5_000)):
        refused = cli(*command, path)
        assert refused.code == 64, refused.err
        assert "Invalid value for" in refused.err


@pytest.mark.parametrize("node", ["../../..", "http://a..b", "http://" + "a" * 64])
def test_a_name_that_no_dns_has_is_no_node(node, cli):
    assert "is no address of a node" in cli("list", "--node", node).err
