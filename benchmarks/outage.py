"""How long an update keeps visitors waiting, on a local host that behaves as a real one, in real time.

Run it with ``python benchmarks/outage.py`` (four minutes). Three ways of updating: asking the program at once after the
amend, waiting until the host has stopped it, and a new program that takes the domain over; each without other visitors,
and under one request every 0.3 s.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

from hatch_aleph.api import Deployer, Deployment, NodeClient, Session, build_artifact, create_account, load_project
from hatch_aleph.deploy.apply import Options
from hatch_aleph.deploy.health import Health
from hatch_aleph.errors import HealthError

if TYPE_CHECKING:
    from typing_extensions import Self

    from hatch_aleph.artifact import Artifact

EVERY, PATIENCE, DOMAIN = 0.3, 60.0, "api.example.org"
# An answer that takes longer than this counts as none.
SLOW = 1.0
# What sends a domain on looks where it leads at most this often, in seconds.
ROUTE_SECONDS = 5.0
WAYS = ("ask at once", "wait for the stop", "replace")

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "outage"
version = "{number}"
dependencies = []
[tool.aleph]
entrypoint = "main:app"
{settings}
"""
APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"{number}"}})
"""
REPLACE = f'domains = ["{DOMAIN}"]\nstrategy = "replace"\ndrain-seconds = 10'


class AtOnce(Health):
    """Asks right after an amend, into the stop of what ran."""

    def _await_stop(self, *_: Any, **__: Any) -> None:
        return None


@dataclass
class Visitors:
    """Ask every 0.3 s whatever became of the questions before, where the domain or the program's URL leads."""

    url: Any
    answers: list[tuple[float, float, bool]] = field(default_factory=list)  # asked at, seconds, answered

    def __enter__(self) -> Self:
        self._ends = threading.Event()
        self._threads: list[threading.Thread] = []
        self._clock = threading.Thread(target=self._run)
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._clock.join()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._ends.wait(EVERY):
            thread = threading.Thread(target=self._visit)
            thread.start()
            self._threads.append(thread)

    def _visit(self) -> None:
        began = time.monotonic()
        try:
            with urlopen(self.url(), timeout=PATIENCE) as reply:  # noqa: S310 - of this machine
                reply.read()
            answered = True
        except (HTTPError, OSError):
            answered = False
        self.answers.append((began, time.monotonic() - began, answered))

    @property
    def outage(self) -> str:
        """Return how many were not answered, and for how long none was."""
        good = sorted(asked for asked, seconds, answered in self.answers if answered and seconds <= SLOW)
        longest = max((b - a for a, b in pairwise(good)), default=0.0)
        bad = [seconds for _, seconds, answered in self.answers if not answered or seconds > SLOW]
        errors = sum(not answered for _, _, answered in self.answers)
        return (
            f"{max(longest - EVERY, 0.0):5.1f} s away; of {len(self.answers)} requests {errors} failed and "
            f"{len(bad) - errors} took up to {max(bad, default=0.0):.1f} s"
        )


class Network:
    """A node with a host as real, a gateway for the domain, and one account."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.account = create_account(folder / "key", chain="ETH")
        self.client = NodeClient([url])
        self.client.faucet(self.account.address, credit=10**9, tokens=0)
        self._route = (0.0, "")

    def artifact(self, name: str, number: int, settings: str) -> Artifact:
        """Build a version of the project."""
        project = self.folder / name
        project.mkdir(exist_ok=True)
        (project / "pyproject.toml").write_text(PROJECT.format(number=number, settings=settings))
        (project / "main.py").write_text(APP.format(number=number))
        return build_artifact(load_project(project), project / "dist")

    def deploy(self, artifact: Artifact, name: str, health: Health) -> str:
        """Deploy it; return the program's item hash."""
        deployment = Deployment.of(artifact.manifest, self.client, self.account.address, self.url)
        session = Session(self.client, self.account, self.folder / name / ".aleph")
        outcome = Deployer(deployment, session, Options(rollback=False), health).deploy(artifact)
        return outcome.item_hash

    def by_domain(self) -> str:
        """Return where the domain leads, as a gateway sees it that looks every few seconds."""
        looked, url = self._route
        if time.monotonic() - looked > ROUTE_SECONDS:
            said = self.client.aggregate(self.account.address, ("domains",))["domains"][DOMAIN]["message_id"]
            url = f"{self.url}/vm/{said}/"
            self._route = (time.monotonic(), url)
        return url


def measure(network: Network, way: str, *, visited: bool) -> str:
    name = f"{WAYS.index(way)}-{visited}".lower()
    settings = REPLACE if way == "replace" else ""
    health = AtOnce() if way == "ask at once" else Health()
    item_hash = network.deploy(network.artifact(name, 1, settings), name, health)
    second = network.artifact(name, 2, settings)
    if not visited:
        began = time.monotonic()
        network.deploy(second, name, health)
        return f"answers after {time.monotonic() - began:5.1f} s"
    with Visitors(network.by_domain if settings else lambda: f"{network.url}/vm/{item_hash}/") as visitors:
        time.sleep(3)
        try:
            network.deploy(second, name, health)
        except HealthError as error:
            sys.stderr.write(f"{way}: {error}\n")
        time.sleep(10)
    return visitors.outage


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hatch_aleph", "node", "--as-real", "--port", "0", "--json"]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with subprocess.Popen(
            [*command, "--folder", f"{folder}/network"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        ) as node:
            try:
                assert node.stdout is not None
                network = Network(json.loads(node.stdout.readline())["url"], Path(folder))
                for visited in (False, True):
                    print("one request every 0.3 s:" if visited else "no other visitor:")
                    for way in WAYS:
                        print(f"  {way:18} {measure(network, way, visited=visited)}", flush=True)
            finally:
                node.terminate()


if __name__ == "__main__":
    main()
