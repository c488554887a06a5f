"""Processes that an app starts: they find what it finds, and none of them becomes an init."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAD = """
import asyncio, json, os, subprocess, sys

def square(number):
    import vendored
    return number * number, vendored.VERSION, __name__

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    loop = asyncio.get_running_loop()
    given = await ask() if asyncio.iscoroutinefunction(ask) else await loop.run_in_executor(None, ask)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(given).encode()})

"""


@pytest.fixture
def packages(tmp_path):
    folder = tmp_path / "packages"
    (folder / "bin").mkdir(parents=True)
    (folder / "vendored.py").write_text("VERSION = 'vendored'\nif __name__ == '__main__': print(VERSION)\n")
    script = folder / "bin" / "vendored-tool"
    script.write_text("#!/usr/bin/env python3\nimport vendored, main\nprint(vendored.VERSION)\n")
    script.chmod(0o755)
    return folder


def ask(run, packages, body: str, **options):
    text = HEAD + "".join(f"{line}\n" for line in body.splitlines())
    guest = run({"main.py": text}, "main:app", packages=packages, **options)
    answer = json.loads(guest.get("/").body)
    assert guest.log.count("INIT") == 1
    return answer


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_multiprocessing(run, packages, method):
    """Under spawn and forkserver a child runs the file of ``__main__`` again, which is the init's."""
    body = f"""
def ask():
    import multiprocessing
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        return pool.map(square, [2, 3])
"""
    assert ask(run, packages, body) == [[4, "vendored", "main"], [9, "vendored", "main"]]


@pytest.mark.parametrize(
    "command",
    [
        "[sys.executable, '-m', 'vendored']",
        "[sys.executable, '-c', 'import vendored, main; print(vendored.VERSION)']",
        "['vendored-tool']",
    ],
)
def test_commands(run, packages, command):
    body = f"def ask():\n    return subprocess.run({command}, capture_output=True, text=True, check=True).stdout"
    assert ask(run, packages, body) == "vendored\n"


@pytest.fixture(scope="session")
def extra(tmp_path_factory):
    """Install distributions for this Python, or skip."""
    made = {}
    install_here = ["uv", "pip", "install", "-q", "--python", sys.executable, "--target"]

    def install(*needs: str):
        if needs not in made:
            folder = tmp_path_factory.mktemp("extra")
            try:
                subprocess.run([*install_here, str(folder), *needs], check=True, timeout=120)
            except subprocess.SubprocessError as error:
                pytest.skip(f"no package index here: {error}")
            (folder / "vendored.py").write_text("VERSION = 'vendored'\n")
            made[needs] = folder
        return made[needs]

    return install


@pytest.mark.index
def test_joblib(run, extra):
    body = """
def ask():
    import joblib
    return joblib.Parallel(n_jobs=2)(joblib.delayed(square)(number) for number in (2, 3))
"""
    assert ask(run, extra("joblib"), body) == [[4, "vendored", "main"], [9, "vendored", "main"]]


@pytest.mark.index
def test_processes_of_asyncio_after_uvloop_is_installed(run, extra):
    body = """
import uvloop
uvloop.install()
async def ask():
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print('ran')", stdout=subprocess.PIPE)
    return (await process.communicate())[0].decode()
"""
    assert ask(run, extra("uvloop"), body) == "ran\n"


GREEN = """
PATCH
import time
from flask import Flask, jsonify, request

app = Flask(__name__)

@app.post("/work")
def work():
    import requests, threading
    got = []
    threads = [threading.Thread(target=lambda: (time.sleep(0.05), got.append(1))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return jsonify(got=got, body=request.get_data(as_text=True))
"""


@pytest.mark.index
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("patch", "needs"),
    [
        ("from gevent import monkey; monkey.patch_all()", "gevent"),
        ("import eventlet; eventlet.monkey_patch()", "eventlet"),
    ],
)
def test_greenlets_in_place_of_threads(run, extra, patch, needs, old):
    packages = extra(needs, "flask", "requests")
    guest = run({"main.py": GREEN.replace("PATCH", patch)}, "main:app", packages=packages, old=old, seconds=5)
    for _ in range(3):
        answer = guest.get("/work", "POST", body=b"x" * 300_000)
        assert answer.status == 200, guest.log
        assert json.loads(answer.body) == {"got": [1, 1, 1, 1], "body": "x" * 300_000}
    assert guest.halt() < 5
