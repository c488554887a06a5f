"""What the start of commands takes beside another checkout of this repository, in pairs, by processor time.

Run it with ``python benchmarks/pairs.py CHECKOUT [ROUNDS]``; ``git worktree add CHECKOUT COMMIT`` makes one. Both run
in the environment of this Python, in turn, so that what else the machine does meets each of them; ratios count.
Bytecode is written before. The node, on this machine, is no part of the time. The other checkout has a project, a key
and a state of its own.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from commands import measure
from scale import running_node, write_project

HERE = Path(__file__).resolve().parent.parent


def main(checkout: str, rounds: int = 15) -> None:
    with tempfile.TemporaryDirectory() as name, running_node(Path(name) / "node") as (url, _):
        root = Path(name)
        usual = {key: value for key, value in os.environ.items() if not key.startswith(("ALEPH_", "PYTHONDONTWRITE"))}
        sides: dict[str, tuple[dict[str, str], dict[str, list[str]]]] = {}
        for side, source in (("before", Path(checkout).resolve()), ("now", HERE)):
            environment = {
                **usual,
                "PYTHONPATH": str(source),
                "HATCH_ALEPH_CACHE": str(root / side / "cache"),
                "ALEPH_PRIVATE_KEY_FILE": str(root / side / "key"),
                "ALEPH_API_HOST": url,
                "ALEPH_HOST_URL": url,
                "ALEPH_STATE_FOLDER": str(root / side / "state"),
            }
            ours = [sys.executable, "-m", "hatch_aleph"]
            project = write_project(root / side / "project", f"measured-{side}")
            commands = {
                "import hatch_aleph.plugin.hooks": [sys.executable, "-c", "import hatch_aleph.plugin.hooks"],
                "--help": [*ours, "--help"],
                "deploy unchanged": [*ours, "deploy", "--project", str(project), "--yes", "--no-smoke"],
            }
            for step in (["account", "create"], ["faucet"]):
                measure([*ours, *step], environment)
            for _ in range(2):
                for command in commands.values():
                    measure(command, environment)
            sides[side] = environment, commands
        taken = defaultdict(list)
        for _ in range(rounds):
            for what in commands:
                for side, (environment, own) in sides.items():
                    taken[what, side].append(measure(own[what], environment)[1])
    print("| | before, ms | now, ms | ratio of the medians of pairs |\n|---|---|---|---|")
    for what in commands:
        before, now = taken[what, "before"], taken[what, "now"]
        ratio = statistics.median(here / there for there, here in zip(before, now, strict=True))
        first, second = (f"{statistics.median(each) * 1000:.0f}" for each in (before, now))
        print(f"| {what} | {first} | {second} | {ratio:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
