"""What an owner of thousands of programs waits for, on a node of this machine.

Run it with ``python benchmarks/scale.py [PROGRAMS] [RELEASES] [MEMBERS]`` (5000, 500 and 40; some minutes). It prints,
beside the goals: requests, seconds and memory of ``list``; the requests of an unchanged deployment alone and beside all
programs; the node's processor time for a message, early and late; ``history`` of many releases; a workspace of many
programs. Where a goal is missed it ends with 1; on a machine that does other things, the processor's time counts.
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
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from hatch_aleph.deploy.state import NOTES
from hatch_aleph.network.accounts import load_account
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.messages import sign_message, store_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_aleph.network.accounts import Account

# Runs a command and counts its requests; tells its memory, and when its first line came, on standard error.
MEASURED = """
import resource, sys, time
from hatch_aleph.network.http import Connections
began, count, first, processor = time.monotonic(), 0, None, 0
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
        global first, processor
        if first is None:
            first, processor = time.monotonic() - began, time.process_time()
        return self.stream.write(text)
sys.stdout = Out(sys.stdout)
from hatch_aleph.cli import run
code = run(sys.argv[1:])
sys.stdout.flush()
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"##{count} {first or 0:.2f} {processor:.2f} {time.monotonic() - began:.2f} {used:.0f}", file=sys.stderr)
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


class Run(NamedTuple):
    """A command that has ended: requests, seconds and the processor's to its first line, seconds in all, MiB."""

    requests: int
    first: float
    processor: float
    seconds: float
    memory: float


def processor_of(process: subprocess.Popen[str]) -> float:
    """Return the processor's seconds of a running process; Linux tells them."""
    fields = Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running_node(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "hatch_aleph", "node", "--port", "0", "--folder", str(folder), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        events = map(json.loads, process.stdout)
        yield next(str(event["url"]) for event in events if event.get("event") == "ready"), process
    finally:
        process.terminate()
        process.wait(60)


def run(environment: dict[str, str], *arguments: object) -> Run:
    """Run a command and measure it."""
    command = [sys.executable, "-c", MEASURED, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{arguments}: {done.stdout[-500:]}{done.stderr[-2000:]}")
    count, *rest = done.stderr.rpartition("##")[2].split()
    return Run(int(count), *map(float, rest))


def write_project(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT.replace("NAME", name), "utf-8")
    (folder / "main.py").write_text(APP.replace("NAME", name), "utf-8")
    return folder


def publish_programs(
    client: NodeClient,
    account: Account,
    content: dict[str, Any],
    count: int,
    processor: Callable[[], float] = lambda: 0.0,
) -> tuple[float, float]:
    """Publish programs like one that is there; return the milliseconds of processor a message, early and late."""
    tenth, spent = max(1, count // 10), [processor()]
    for number in range(count):
        now = time.time()
        copy = {**content, "metadata": {"name": f"program-{number}"}, "time": now}
        message = sign_message(account, "PROGRAM", copy, channel="SCALE", time=now)
        client.publish(message)
        if number + 1 in (tenth, count - tenth, count):
            spent.append(processor())
    return (spent[1] - spent[0]) * 1000 / tenth, (spent[-1] - spent[-2]) * 1000 / tenth


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
    with tempfile.TemporaryDirectory() as name, running_node(Path(name) / "node") as (url, node):
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
        alone = run(environment, *deploy).requests
        with NodeClient([url]) as client:
            (live,) = client.messages(types=("PROGRAM",), owners=(account.address,))
            early, late = publish_programs(client, account, live.content, programs, lambda: processor_of(node))
            told = f"{early:.1f} ms of processor a message at first, {late:.1f} ms after {programs}"
            print(f"node: {told} (x{late / early:.2f})")
            before = processor_of(node)
            listed = run(environment, "list")
            busy = f"{listed.processor:.1f} s of processor until then, {processor_of(node) - before:.1f} s of the node"
            told = f"{listed.requests} requests (60), first line {listed.first:.1f} s (2; {busy} in all)"
            print(f"list of {programs + 1}: {told}, {listed.seconds:.1f} s, {listed.memory:.0f} MiB (150)")
            beside = run(environment, *deploy)
            told = f"{alone} requests alone, {beside.requests} beside them (the same)"
            print(f"unchanged deployment: {told}, {beside.seconds:.1f} s")
            publish_releases(client, account, live.content, "hatch-aleph:measured", releases)
        told = run(environment, "history", "--project", project)
        print(
            f"history of {releases + 1} releases: {told.requests} requests, {told.seconds:.1f} s, {told.memory:.0f} MiB"
        )
        for number in range(members):
            write_project(root / "workspace" / f"member-{number}", f"member-{number}")
        command = ("deploy", "--all", "--project", root / "workspace", "--yes", "--no-smoke")
        first, again = run(environment, *command), run(environment, *command)
        print(f"workspace of {members}: {first.seconds:.0f} s, {first.memory:.0f} MiB; again: {again.seconds:.0f} s")
        goals = {
            "requests of list": listed.requests <= 60,
            "seconds to its first line": listed.first <= 2,
            "memory of list": listed.memory <= 150,
            "requests of an unchanged deployment": beside.requests <= alone,
            "processor time of a message": late <= 1.5 * early,
        }
        missed = [name for name, met in goals.items() if not met]
        if missed:
            sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
