"""What an owner of thousands of programs waits for, on a node of this machine.

Run it with ``python benchmarks/scale.py [PROGRAMS] [RELEASES] [MEMBERS]`` (5000, 500 and 40; some minutes). It prints,
beside the goals: requests, seconds and memory of ``list``; the requests of an unchanged deployment alone and beside all
programs; what a message costs the node, early and late; ``history`` of many releases; a workspace of many programs.
Ratios and counts count, not the seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from hatch_aleph.deploy.state import NOTES
from hatch_aleph.network import NodeClient
from hatch_aleph.network.accounts import load_account
from hatch_aleph.network.messages import sign_message, store_content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_aleph.network import Account

# Runs a command and counts its requests; tells its memory, and when its first line came, on standard error.
MEASURED = """
import resource, sys, time
from hatch_aleph.network.http import Connections
began, count, first = time.monotonic(), 0, None
ask = Connections.stream
def stream(self, *arguments, **options):
    global count
    count += 1
    return ask(self, *arguments, **options)
Connections.stream = stream
class Out:
    def __init__(self, stream): self.stream = stream
    def __getattr__(self, name): return getattr(self.stream, name)
    def write(self, text):
        global first
        first = first or time.monotonic() - began
        return self.stream.write(text)
sys.stdout = Out(sys.stdout)
from hatch_aleph.cli import run
code = run(sys.argv[1:])
sys.stdout.flush()
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"##{count} {first or 0:.2f} {time.monotonic() - began:.2f} {used:.0f}", file=sys.stderr)
sys.exit(code)
"""
PYPROJECT = """
[project]
name = "NAME"
version = "1"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.aleph]
entrypoint = "main:app"
"""
APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"NAME"})
"""


@contextlib.contextmanager
def running_node(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "hatch_aleph", "node", "--port", "0", "--folder", str(folder), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield next(str(event["url"]) for line in process.stdout if (event := json.loads(line)).get("event") == "ready")
    finally:
        process.terminate()
        process.wait(60)


def run(environment: dict[str, str], *arguments: object) -> tuple[int, float, float, float]:
    """Run a command; return its requests, seconds to its first line, seconds in all, and MiB."""
    command = [sys.executable, "-c", MEASURED, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{arguments}: {done.stdout[-500:]}{done.stderr[-2000:]}")
    count, first, whole, used = done.stderr.rpartition("##")[2].split()
    return int(count), float(first), float(whole), float(used)


def write_project(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT.replace("NAME", name), "utf-8")
    (folder / "main.py").write_text(APP.replace("NAME", name), "utf-8")
    return folder


def publish_programs(client: NodeClient, account: Account, content: dict[str, Any], count: int) -> tuple[float, float]:
    """Publish programs like one that is there; return the milliseconds a message of the first and last tenth."""
    times = []
    for number in range(count):
        now = time.time()
        copy = {**content, "metadata": {"name": f"program-{number}"}, "time": now}
        message = sign_message(account, "PROGRAM", copy, channel="SCALE", time=now)
        began = time.perf_counter()
        client.publish(message)
        times.append((time.perf_counter() - began) * 1000)
    tenth = max(1, count // 10)
    return sum(times[:tenth]) / tenth, sum(times[-tenth:]) / tenth


def publish_releases(client: NodeClient, account: Account, program: dict[str, Any], tag: str, count: int) -> None:
    """Amend the code of a deployment many times, each time to what it holds already, as deployments would sign it."""
    ref = program["code"]["ref"]
    original = client.message(ref)
    assert original is not None
    for number in range(count):
        now = time.time()
        notes = {**original.content["metadata"][NOTES], "version": f"1.{number}", "inputs": f"{number:064x}"}
        amend = store_content(
            account.address, original.file_hash, "storage", payment=program["payment"], time=now, ref=ref,
            metadata={NOTES: notes}, tags=(tag,),
        )  # fmt: skip
        client.publish(sign_message(account, "STORE", amend, channel="SCALE", time=now))


def main(programs: int = 5000, releases: int = 500, members: int = 40) -> None:
    with tempfile.TemporaryDirectory() as name, running_node(Path(name) / "node") as url:
        root = Path(name)
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("ALEPH_")},
            "ALEPH_PRIVATE_KEY_FILE": str(root / "key"),
            "ALEPH_API_HOST": url,
        }
        run(environment, "account", "create")
        run(environment, "faucet", "--credits", 10**13)
        account = load_account(private_key_file=root / "key")
        project = write_project(root / "project", "measured")
        deploy = ("deploy", "--project", project, "--yes", "--no-smoke")
        run(environment, *deploy)
        alone, *_ = run(environment, *deploy)
        with NodeClient([url]) as client:
            (live,) = client.messages(types=("PROGRAM",), owners=(account.address,))
            early, late = publish_programs(client, account, live.content, programs)
            print(f"node: {early:.1f} ms a message at first, {late:.1f} ms after {programs} (x{late / early:.2f})")
            count, first, whole, used = run(environment, "list")
            told = f"{count} requests (60), first line {first:.1f} s (2), {whole:.1f} s, {used:.0f} MiB (150)"
            print(f"list of {programs + 1}: {told}")
            beside, _, seconds, _ = run(environment, *deploy)
            print(f"unchanged deployment: {alone} requests alone, {beside} beside them (the same), {seconds:.1f} s")
            publish_releases(client, account, live.content, "hatch-aleph:measured", releases)
        count, first, whole, used = run(environment, "history", "--project", project)
        print(f"history of {releases + 1} releases: {count} requests, {whole:.1f} s, {used:.0f} MiB")
        for number in range(members):
            write_project(root / "workspace" / f"member-{number}", f"member-{number}")
        command = ("deploy", "--all", "--project", root / "workspace", "--yes", "--no-smoke")
        _, _, whole, used = run(environment, *command)
        print(f"workspace of {members}: {whole:.0f} s, {used:.0f} MiB; again: {run(environment, *command)[2]:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
