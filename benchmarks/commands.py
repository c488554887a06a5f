"""What single commands take, beside ``python -c pass`` and, if it is named, the official command line.

Run it with ``python benchmarks/commands.py [ROUNDS] [ALEPH]``; ALEPH is the ``aleph`` of aleph-client in an environment
of its own. All are run in turn, so that what else the machine does meets each of them; ratios count, not the seconds.
Bytecode is written before. The node, on this machine, is no part of the processor's time; a program's trial is.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from scale import APP, running_node, write_project

# Seconds on a machine of 2026 with nothing else to do; and what is measured by the official one's `program --help`.
GOALS = {"--help": 0.030, "list --address": 0.120, "list": 0.150, "create": 0.500}
SHARES = {"--help": 0.05, "deploy unchanged": 0.40}


def measure(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command; return its seconds, and the processor's, of its children too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command}: {done.stdout[-500:]!r}{done.stderr[-2000:]!r}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(rounds: int = 9, official: str | None = None) -> None:
    with tempfile.TemporaryDirectory() as name, running_node(Path(name) / "node") as (url, _):
        root = Path(name)
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("ALEPH_", "PYTHONDONTWRITE"))},
            "ALEPH_PRIVATE_KEY_FILE": str(root / "key"),
            "ALEPH_API_HOST": url,
            "ALEPH_STATE_FOLDER": str(root / "state"),
        }
        ours = [sys.executable, "-m", "hatch_aleph"]
        for step in (["account", "create"], ["faucet"]):
            measure([*ours, *step], environment)
        (root / "app").mkdir()
        (root / "app" / "main.py").write_text(APP.replace("NAME", "x"), "utf-8")
        project = write_project(root / "project", "measured")
        create = [*ours, "create", str(root / "app"), "main:app", "--yes", "--name"]
        for number in range(3):
            measure([*create, f"p{number}"], environment)
        shown = subprocess.run(
            [*ours, "account", "show", "--json"], env=environment, capture_output=True, text=True, check=True
        )
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "--help": [*ours, "--help"],
            "build --help": [*ours, "build", "--help"],
            "list --address": [*ours, "list", "--address", json.loads(shown.stdout)["address"]],
            "list": [*ours, "list"],
            "create": [*create, "q"],
            "deploy unchanged": [*ours, "deploy", "--project", str(project), "--yes"],
            **({"aleph program --help": [official, "program", "--help"]} if official else {}),
        }
        for command in commands.values():
            measure(command, environment)
        walls, cpus = defaultdict(list), defaultdict(list)
        for _ in range(rounds):
            for what, command in commands.items():
                wall, cpu = measure(command, environment)
                walls[what].append(wall)
                cpus[what].append(cpu)
    bare = statistics.median(cpus["python -c pass"])
    for what in commands:
        cpu = statistics.median(cpus[what])
        wall = statistics.median(walls[what])
        line = f"{what:22} {wall * 1000:7.0f} ms, processor {cpu * 1000:6.0f} ms = {cpu / bare:5.1f}"
        if what in GOALS:
            line += f"; goal on a quiet machine {GOALS[what] * 1000:.0f} ms"
        if official and what in SHARES:
            line += (
                f"; {cpu / statistics.median(cpus['aleph program --help']):.2f} of the official one ({SHARES[what]})"
            )
        print(line)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:3])
