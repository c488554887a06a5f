"""Cut a deployment at every point, run it once more: the same state with the same number of messages.

The default run tries a few points of each scenario, ``nox -s crash`` (``-m slow``) every one.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.deploy.deployment import Deployment
from hatch_aleph.deploy.journal import Journal
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.domains import KEY, attached
from hatch_aleph.network.keys import Key
from tests.clock import brief
from tests.deploy.crash.proxy import FAULTS, Proxy, Spoiling
from tests.deploy.rig import NodeHost, RunningNode, make_artifact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.network.accounts import Account

pytestmark = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="the tool is forked to be killed")

SCENARIOS = ("first", "update", "replace", "take over", "broken update", "broken program")
TAKE_OVER = {"domains": ["api.example.org"], "strategy": "replace"}
WRITE_FAULTS = ("before", "during", "after")
REDUCED = 2
PARTS = 4  # that may run side by side
_numbers = itertools.count(1)


@dataclass
class Tool:
    """The process that deploys, and dies."""

    process: subprocess.Popen[str]
    proxy: Proxy

    def run(self, job: dict[str, Any], spoiling: Spoiling | None = None) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.proxy.arm(spoiling)
        self.process.stdin.write(json.dumps({**job, "node": self.proxy.url}) + "\n")
        self.process.stdin.flush()
        self.proxy.pid = json.loads(self.process.stdout.readline())["pid"]
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        outcome: dict[str, Any] = json.loads(self.process.stdout.readline())
        return outcome


@pytest.fixture(scope="module")
def tool(node: RunningNode) -> Iterator[Tool]:
    proxy = Proxy(node.url, NodeHost(node))
    arguments = [sys.executable, "-m", "tests.deploy.crash.zygote"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        yield Tool(process, proxy)
    proxy.close()


@dataclass
class Case:
    """One scenario, with an owner of its own on the node."""

    node: RunningNode
    tool: Tool
    folder: Path
    scenario: str

    def __post_init__(self) -> None:
        number = next(_numbers)
        self.key = hashlib.sha256(f"crash matrix {number}".encode()).digest()  # no other test's
        self.account: Account = account_from_key(Key(self.key, "test"), "ETH")
        self.node.faucet(self.account.address, credits=10**9)
        self.mark = f"{number}".encode()
        if self.scenario != "first":
            self.before = self._artifact(1)
            assert self.tool.run(self._job(self.before))["exit"] == 0
        self.artifact = self._artifact(2)
        if self.broken:
            self.tool.proxy.host.broken.add(self.artifact.manifest.images[0].sha256)

    @property
    def broken(self) -> bool:
        return self.scenario.startswith("broken")

    def _artifact(self, version: int) -> Artifact:
        changed = version == 2 and self.scenario in ("replace", "broken program")
        return make_artifact(
            self.folder / f"{self.mark.decode()}-{version}",
            code=b"code %d of %s" % (version, self.mark) * 50,
            packages=b"packages of %s" % self.mark * 50,
            # What is broken on purpose need not be waited for; the rest is given time on a busy machine.
            settings={
                **(TAKE_OVER if self.scenario == "take over" else {}),
                "health": {"path": "/", "timeout-seconds": 1.0 if self.broken and version > 1 else 20.0},
            },
            variables={"A": str(version)} if changed else {},
        )

    def _job(self, artifact: Artifact) -> dict[str, Any]:
        folder = self.folder / f"state-{self.mark.decode()}"
        return {"artifact": str(artifact.path), "folder": str(folder), "key": self.key.hex()}

    def run(self, spoiling: Spoiling | None = None, **job: Any) -> dict[str, Any]:
        return self.tool.run({**self._job(self.artifact), **job}, spoiling)

    @contextmanager
    def target(self) -> Iterator[Deployment]:
        with NodeClient([self.node.url], sleep=brief) as client:
            yield Deployment.of(self.artifact.manifest, client, self.account.address)

    def summary(self) -> dict[str, Any]:
        """Return all that must not depend on where the deployment was cut."""
        with self.target() as target:
            state = target.state()
        journal = Journal(Path(self._job(self.artifact)["folder"]), self.account.address, state.tag)
        contents = {volume.role: volume.current.file_hash for volume in state.volumes.values()}
        names = {image.sha256: f"{image.role} 2" for image in self.artifact.manifest.images}
        return {
            "messages": dict(Counter((m["type"], m["status"]) for m in self.node.messages(self.account.address))),
            "variables": [program.content["variables"] for program in state.programs],
            "volumes": {role: names.get(file_hash, "of version 1") for role, file_hash in contents.items()},
            "open": len(journal.open),
            "answers": [self.answers(program.item_hash) for program in state.programs],
        }

    def answers(self, item_hash: str) -> int:
        return self.tool.proxy.host(f"{self.node.url}/vm/{item_hash}/", timeout=10).status

    def check_never_harmful(self) -> None:
        """A published program has all it points to; nothing is forgotten before its successor answers."""
        with self.target() as target:
            state = target.state()
        hosts_answer = {program.item_hash: self.answers(program.item_hash) for program in state.programs}
        # The host answers 200, or 502 for code that is broken on purpose; anything else means that something is absent.
        assert set(hosts_answer.values()) <= {200, 502}
        if self.scenario == "take over":
            with NodeClient([self.node.url], sleep=brief) as client:
                said = attached(client.aggregate(self.account.address, (KEY,)).get(KEY))
            assert hosts_answer[said["api.example.org"]] == 200  # whatever was cut, visitors are answered
        if self.scenario in ("replace", "take over", "broken program"):
            assert 200 in hosts_answer.values()


def undisturbed(node: RunningNode, tool: Tool, folder: Path, scenario: str) -> tuple[dict[str, Any], int, int]:
    """Return what a scenario ends in, and how many requests and writes it takes."""
    case = Case(node, tool, folder, scenario)
    outcome = case.run()
    requests = len(tool.proxy.requests)
    # The second run is what a cut one gets as well.
    case.run()
    return case.summary(), requests, outcome["writes"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_run_cut_somewhere_is_finished_by_the_next(
    node: RunningNode, tool: Tool, tmp_path: Path, scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check_points(node, tool, tmp_path, scenario, capsys, at_most=REDUCED)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_run_cut_anywhere_is_finished_by_the_next(
    node: RunningNode, tool: Tool, tmp_path: Path, scenario: str, part: int, capsys: pytest.CaptureFixture[str]
) -> None:
    check_points(node, tool, tmp_path, scenario, capsys, part=part)


def check_points(
    node: RunningNode,
    tool: Tool,
    folder: Path,
    scenario: str,
    capsys: pytest.CaptureFixture[str],
    at_most: int | None = None,
    part: int | None = None,
) -> None:
    expected, requests, writes = undisturbed(node, tool, folder, scenario)
    points: list[tuple[str, int, str]] = [("request", at, fault) for at in range(requests) for fault in FAULTS]
    points += [("write", at, fault) for at in range(writes) for fault in WRITE_FAULTS]
    total = len(points)
    if at_most is not None:
        # The same points in every run, and others on each Python.
        points = random.Random(f"{scenario} {sys.version_info[:2]}").sample(points, at_most)  # noqa: S311
    if part is not None:
        points = points[part::PARTS]
    failures = []
    for kind, at, fault in points:
        case = Case(node, tool, folder, scenario)
        first = case.run(Spoiling(at, fault)) if kind == "request" else case.run(write=at, when=fault)
        case.check_never_harmful()
        second = case.run()
        found = case.summary()
        if not same(scenario, expected, found) or (second["exit"] != 0 and not scenario.startswith("broken")):
            failures.append((kind, at, fault, first, second, found))
            with capsys.disabled():
                sys.stdout.write(f"\n{failures[-1]}\n")
                sys.stdout.flush()
    with capsys.disabled():
        sys.stdout.write(
            f"\ncrash matrix, {scenario}: {len(points)} of {total} points tried "
            f"({requests} requests, {writes} writes), {len(failures)} failed\n"
        )
    assert not failures, "\n".join(map(str, [("expected", expected), *failures]))


def same(scenario: str, expected: dict[str, Any], found: dict[str, Any]) -> bool:
    """Compare two ends; what does not answer is tried and put back by every run, so messages grow with the runs."""
    if not scenario.startswith("broken"):
        return found == expected
    messages = found["messages"]
    if any(count > expected["messages"].get(key, 0) for key, count in messages.items()):
        return False
    return {**found, "messages": {}} == {**expected, "messages": {}}
