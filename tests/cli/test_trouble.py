"""What goes wrong around a deployment, as the user meets it: one error, the next step, an exit code; then it works."""

from __future__ import annotations

from tests.programs.rig import ask

PROJECT = """
[project]
name = "shop"
version = "1.0"
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[tool.aleph]
entrypoint = "main:app"
"""
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
    ((), 13, "Top up"),
]


def test_trouble_is_one_error_with_the_next_step_and_then_it_works(cli, tmp_path):
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "main.py").write_text(APP)
    command = ("deploy", "--project", tmp_path, "--yes", "--no-smoke")
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
