"""The tool as a process that can be killed: imports once, then forks a deployment for each line of JSON.

Protocol, a line each way: a job in, ``{"pid": N}`` out, ``go`` in, ``{"exit": N, "error": text}`` out.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from hatch_aleph.artifact import Artifact
from hatch_aleph.deploy.apply import Deployer
from hatch_aleph.deploy.deployment import Deployment
from hatch_aleph.deploy.journal import Journal
from hatch_aleph.deploy.session import Session
from hatch_aleph.errors import HatchAlephError
from hatch_aleph.files import write_atomic
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.keys import Key
from hatch_aleph.network.transport import Client, Timeouts
from tests.clock import brief, hurried

READ_SECONDS = 2.0


class KillingWriter:
    """Writes as the journal does, and dies at a chosen write."""

    def __init__(self, at: int | None, when: str) -> None:
        self.count, self._at, self._when = 0, at, when

    def __call__(self, file: Path, text: str) -> None:
        mine = self.count == self._at
        self.count += 1
        if mine and self._when == "during":
            file.parent.mkdir(parents=True, exist_ok=True)
            (file.parent / f".{file.name}.torn").write_text(text[: len(text) // 2])
        if mine and self._when != "after":
            os.kill(os.getpid(), signal.SIGKILL)
        write_atomic(file, text, durable=True)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)


def deploy(job: dict[str, Any]) -> dict[str, Any]:
    """Deploy once."""
    artifact = Artifact.load(Path(job["artifact"]))
    account = account_from_key(Key(bytes.fromhex(job["key"]), "test"), "ETH")
    writer = KillingWriter(job.get("write"), job.get("when", ""))

    def client_factory() -> Client:
        return Client(direct=True, plain=True, headers={}, timeout=Timeouts(read=READ_SECONDS))

    try:
        with NodeClient([job["node"]], client_factory=client_factory, sleep=brief) as client:
            deployer = Deployer(
                Deployment.of(artifact.manifest, client, account.address, job["node"]),
                Session(
                    client,
                    account,
                    Path(job["folder"]),
                    patience=20,
                    journal=lambda folder, owner, tag: Journal(folder, owner, tag, write=writer),
                ),
                health=hurried(),
            )
            deployer.deploy(artifact)
    except HatchAlephError as error:
        return {"exit": error.exit_code, "error": str(error), "writes": writer.count}
    return {"exit": 0, "error": "", "writes": writer.count}


def say(data: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(data) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve jobs until standard input ends."""
    # What signing and models import lazily is imported before the first fork.
    account_from_key(Key(bytes(range(1, 33)), "test"), "ETH").sign_bytes(b"")
    importlib.import_module("aleph_message.models")
    for line in sys.stdin:
        job = json.loads(line)
        start_out, start_in = os.pipe()
        result_out, result_in = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.read(start_out, 1)
            before = set(sys.modules)
            outcome = deploy(job)
            outcome["imported"] = sorted(set(sys.modules) - before)
            os.write(result_in, json.dumps(outcome).encode())
            os._exit(0)
        os.close(result_in)
        say({"pid": pid})
        sys.stdin.readline()
        os.write(start_in, b"g")
        _, status = os.waitpid(pid, 0)
        said = os.read(result_out, 1 << 16)
        outcome = json.loads(said) if said else {"exit": -os.WTERMSIG(status), "error": "killed"}
        for module in outcome.pop("imported", ()):  # once here, not in each deployment: it takes most of its time
            with contextlib.suppress(ImportError):  # some are made by others, and found nowhere
                importlib.import_module(module)
        for descriptor in (start_out, start_in, result_out):
            os.close(descriptor)
        say(outcome)


if __name__ == "__main__":
    main()
