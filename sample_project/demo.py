"""The whole way: build this project with Hatch, deploy it to a network on this machine, ask it over HTTP.

hatch-aleph's own wheel is built first and named by its path, so nothing of that name is taken from an index.
Everything happens in a temporary folder; the network ends with this script. `--keep` leaves it running.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the network running until Ctrl-C")
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory(prefix="hatch-aleph-demo-") as folder:
        demo(Path(folder), keep=keep)


def demo(folder: Path, *, keep: bool) -> None:
    project = folder / "sample_project"
    shutil.copytree(HERE, project, ignore=shutil.ignore_patterns("dist", ".aleph", "demo.py"))
    pyproject = project / "pyproject.toml"
    wheel = wheel_of_this_checkout(folder / "wheels")
    own = "hatch-aleph @ file:///path/to/hatch-aleph"
    text = pyproject.read_text("utf-8").replace(own, f"hatch-aleph @ {wheel}", 1)
    # For its own environment Hatch takes what runs this script, and asks no index.
    pyproject.write_text(text.replace(own, "hatch-aleph"), "utf-8")
    environment = {
        **os.environ,
        "HATCH_DATA_DIR": str(folder / "hatch"),
        "ALEPH_PRIVATE_KEY_FILE": str(folder / "account.key"),
        "PYTHONUNBUFFERED": "1",
    }
    # What runs this script may have chosen an environment for uv; Hatch makes its own.
    for name in ("VIRTUAL_ENV", "UV_PYTHON", "UV_PROJECT_ENVIRONMENT", "HATCH_ENV_ACTIVE", "PYTHONPATH"):
        environment.pop(name, None)
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def hatch(*arguments: str, capture: bool = False) -> str:
        print(f"\n$ hatch {' '.join(arguments)}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "hatch", *arguments],
            cwd=project,
            env=environment,
            check=True,
            stdout=subprocess.PIPE if capture else None,
            text=True,
        )
        return done.stdout or ""

    hatch("build", "-t", "aleph")
    hatch("run", "aleph:account", "create")
    node = subprocess.Popen(
        [sys.executable, "-m", "hatch", "run", "aleph:node", "--port", str(port), "--folder", str(folder / "network")],
        cwd=project,
        env=environment,
        start_new_session=True,
    )
    try:
        wait_until_up(node, url)
        hatch("run", "aleph:faucet", "--node", url)
        answer = hatch("run", "aleph:deploy", "--node", url, "--yes", "--json", capture=True)
        deployed = json.loads(answer.splitlines()[-1])
        program = deployed["urls"][-1].rstrip("/")  # by path: names below localhost are not resolved everywhere
        print("\nThe program answers:")
        for path, body in (
            ("/", None),
            ("/greet?name=Alice%20B&loud=true", None),
            ("/visits/alice", b""),
            ("/statistics", b'{"values": [1, 2, 3, 4]}'),
            ("/countdown?start=2", None),
        ):
            print(f"  {'GET' if body is None else 'POST'} {program}{path}\n    {ask(program + path, body)!r}")
        if keep:
            print(f"\nThe network runs at {url}; Ctrl-C ends it.", flush=True)
            node.wait()
    except KeyboardInterrupt:
        pass
    finally:
        stop(node)


def stop(node: subprocess.Popen[bytes]) -> None:
    """End Hatch and the network that it started: a signal to Hatch alone would not reach it."""
    if os.name != "posix":
        node.terminate()
        node.wait(30)
        return
    os.killpg(node.pid, signal.SIGTERM)
    node.wait(30)
    with contextlib.suppress(ProcessLookupError):  # until nobody of them is left
        for _ in range(300):
            os.killpg(node.pid, 0)
            time.sleep(0.1)


def wheel_of_this_checkout(folder: Path) -> str:
    """Build the wheel and return its URL; uv remembers it by its path, and this folder is new each time."""
    subprocess.run(
        [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", str(folder), str(HERE.parent)],
        check=True,
    )
    return next(folder.glob("*.whl")).as_uri()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_until_up(node: subprocess.Popen[bytes], url: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if node.poll() is not None:
            sys.exit(f"the node ended with exit code {node.returncode}")
        try:
            urllib.request.urlopen(f"{url}/api/v0/version", timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    sys.exit(f"the node did not come up in {seconds:.0f} s")


def ask(url: str, body: bytes | None) -> str:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"} if body else {})
    with urllib.request.urlopen(request, timeout=60) as answer:
        text: str = answer.read(200).decode()
        return text


if __name__ == "__main__":
    main()
