"""Mutation testing by cosmic-ray, sampled: `nox -s mutation -- [--each N] [--seed S] [ROOM ...]`.

In a copy of the tree, so that nothing here changes. For each room, N mutants are drawn, each is tried by the room's
quick tests, and those that none of them notices are shown as differences. Not each of them is a fault: those that were
looked at stand in SURVIVORS with the reason, and any other fails the session.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Modules of a room that decide much, and quick tests that should notice.
ROOMS = {
    "squashfs": (
        ["inodes", "metadata", "superblock", "entries", "directories"],
        [
            "tests/squashfs/test_records.py",
            "tests/squashfs/test_writer.py",
            "tests/squashfs/test_reading.py",
            "tests/squashfs/test_determinism.py",
        ],
    ),
    "guest": (
        ["scope", "response", "encodings", "interfaces"],
        ["tests/guest/test_scope.py", "tests/guest/test_response.py", "tests/guest/test_interfaces.py"],
    ),
    "deploy": (
        ["comparison", "state", "journal"],
        [
            "tests/deploy/test_comparison.py",
            "tests/deploy/test_journal.py",
            "tests/deploy/test_deployment.py",
            "tests/test_platforms.py",
            "tests/deploy/test_published_images.py",
            "tests/trust/test_other_projects.py",
        ],
    ),
}
# Changes that no test needs to notice: what the line becomes, and why.
SURVIVORS: dict[str, str] = {
    'raise SquashfsError(f"is damaged: a run of {count ** 1} names in a listing")': "a number in a message",
    'raise SquashfsError(f"is damaged: a run of {count >> 1} names in a listing")': "a number in a message",
    "elif status in _NO_CONTENT or status < 199:  # noqa: PLR2004 - informational": "199 is no status that is sent",
    'return host.decode("latin-1") or "localhost", 443 if scheme >= "https" else 80': "the scheme is http or https",
    "@functools.lru_cache(256)": "taken away: it saves time alone",
    'self._write(self.file, json.dumps(data, indent= 0) + "\\n")': "how the file looks",
    "refs = originals[start : start & _REFS_A_QUERY]": "asks for all that the owner has; benchmarks/scale.py counts it",
    "@dataclass(frozen=False)": "frozen is for whoever reads and for mypy: nothing writes to these",
    "/,": "how arguments are passed, which mypy and the callers decide",
    "surplus = int(match[2] or match[4]) - int(match[1] or match[3]) if match else -1": "-1 is no key, as 0 is none",
}
CONFIG = """\
[cosmic-ray]
module-path = {modules}
timeout = 180
excluded-modules = []
test-command = "{python} -m pytest -x -q -p no:cacheprovider {tests}"
[cosmic-ray.distributor]
name = "local"
"""


def main() -> int:
    """Try a sample of each room and show what survives."""
    unknown = 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=20, help="mutants of a room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("rooms", nargs="*", default=list(ROOMS))
    arguments = parser.parse_args()
    for room in arguments.rooms:
        with tempfile.TemporaryDirectory() as name:
            tree = Path(name) / "tree"
            shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".nox", "dist", "_build", ".*_cache"))
            unknown += _try(tree, room, arguments.each, arguments.seed)
    return bool(unknown)


def _try(tree: Path, room: str, count: int, seed: int) -> int:
    """Try a sample of one room, show the survivors that nobody has looked at, and return their number."""
    names, tests = ROOMS[room]
    modules = [
        f"hatch_aleph/{room}/{name}.py" for name in names if (tree / "hatch_aleph" / room / f"{name}.py").exists()
    ]
    there = [test for test in tests if (tree / test).exists()]
    (tree / "cosmic.toml").write_text(
        CONFIG.format(modules=modules, python=sys.executable, tests=" ".join(there)), "utf-8"
    )

    def cosmic(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "cosmic_ray.cli", *words], cwd=tree, check=True, capture_output=True, text=True
        ).stdout

    cosmic("init", "cosmic.toml", "session.sqlite")
    with closing(sqlite3.connect(tree / "session.sqlite")) as database, database:
        jobs = [row[0] for row in database.execute("select job_id from work_items order by job_id")]
        # Ids are random: what is drawn is decided by the place of a mutation.
        # Of a | almost all stand in annotations, which nobody evaluates.
        places = (
            "select job_id from mutation_specs where operator_name not like '%BitOr%' "
            "order by module_path, operator_name, occurrence"
        )
        ordered = [row[0] for row in database.execute(places)]
        kept = set(random.Random(seed).sample(ordered, min(count, len(ordered))))  # noqa: S311 - a sample
        for table in ("mutation_specs", "work_items"):
            database.executemany(f"delete from {table} where job_id = ?", [(job,) for job in jobs if job not in kept])  # noqa: S608
    cosmic("exec", "cosmic.toml", "session.sqlite")
    with closing(sqlite3.connect(tree / "session.sqlite")) as database:
        rows = database.execute("select test_outcome, diff from work_results").fetchall()
    survivors = [diff for outcome, diff in rows if "SURVIVED" in str(outcome).upper()]
    unknown = [diff for diff in survivors if not _became(diff) & SURVIVORS.keys()]
    noticed, known = len(rows) - len(survivors), len(survivors) - len(unknown)
    print(f"## {room}: {noticed} of {len(rows)} noticed, {known} known (of {len(ordered)} possible changes)")
    print("\n".join(unknown), flush=True)
    return len(unknown)


def _became(diff: str) -> set[str]:
    """Return the lines that a change makes, or takes away where it makes none."""
    lines = [line for line in diff.splitlines() if line[:3] not in ("---", "+++")]
    made = {line[1:].strip() for line in lines if line.startswith("+")}
    return made or {line[1:].strip() for line in lines if line.startswith("-")}


if __name__ == "__main__":
    sys.exit(main())
