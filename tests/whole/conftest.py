"""The network on this machine as users start it: one process, one account with credits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).parents[2] / "sample_project"


@dataclass(frozen=True)
class Network:
    url: str
    key: Path
    address: str

    def run(self, *arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run one of our commands against this network, as its account."""
        environment = {**os.environ, "ALEPH_API_HOST": self.url, "ALEPH_PRIVATE_KEY_FILE": str(self.key)}
        done = subprocess.run(
            [sys.executable, "-m", "hatch_aleph", *arguments],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=environment | options.pop("env", {}),
            **options,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def json(self, *arguments: str, **options: Any) -> dict[str, Any]:
        """Run a command with --json and return its result."""
        done = self.run(*arguments, "--json", **options)
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert result["event"] == "result", done.stdout
        return result


@pytest.fixture(scope="session")
def network(tmp_path_factory) -> Network:
    folder = tmp_path_factory.mktemp("network")
    process = subprocess.Popen(
        [sys.executable, "-m", "hatch_aleph", "node", "--port", "0", "--folder", str(folder), "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = next(json.loads(line)["url"] for line in process.stdout if '"ready"' in line)
        key = folder / "account.key"
        made = Network(url, key, "").json("account", "create")
        network = Network(url, key, made["address"])
        network.run("faucet")
        yield network
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
