"""The packages image against the ways by hand: time, size and import, whole processes, in one run.

    python benchmarks/packages.py [--set light] [--set heavy] [--rounds 5] [--pip] [--json FILE]

By hand is uv and mksquashfs at its fast level 3, without bytecode; ours compiles it, and packs at the default level.
Processor seconds tell two versions apart on a machine that does other things besides.

Needs uv, mksquashfs (zstd), a CPython 3.11 and the package index; importing from mounted images needs root.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph import interpreters

if TYPE_CHECKING:
    from collections.abc import Callable

SETS = {
    "light": ["fastapi", "uvicorn", "httpx", "numpy"],
    "heavy": ["fastapi", "pandas", "scikit-learn", "pillow", "sqlalchemy[asyncio]", "cryptography"],
}
IMPORTS = {
    "light": "import fastapi, uvicorn, httpx, numpy",
    "heavy": "import fastapi, pandas, sklearn.linear_model, PIL.Image, sqlalchemy.ext.asyncio, cryptography.fernet",
}
# One dependency changed: another version of it, whose wheel is in uv's cache as well.
CHANGED = {"light": ("httpx", "httpx<0.28"), "heavy": ("cryptography", "cryptography<45")}
GOALS = {"first": {"light": 3.0, "heavy": 4.0}, "later": 0.5, "changed": 0.5, "unchanged, lock": 0.25, "unchanged": 0.4}
PLATFORM = ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_36", "--only-binary", ":all:"]


class Bench:
    """Runs whole processes in a folder of its own."""

    def __init__(self, folder: Path, python311: Path) -> None:
        self.folder = folder
        self.python311 = python311
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS", "PYTHON"))}
        self.environ = {**kept, "HATCH_ALEPH_CACHE": str(folder / "cache")}
        self.processor = 0.0  # seconds of all that was run

    def run(self, *command: str | Path) -> float:
        """Run a command and return its seconds."""
        before = time.perf_counter()
        done = subprocess.run(
            [str(each) for each in command], check=False, capture_output=True, text=True, env=self.environ
        )
        seconds = time.perf_counter() - before
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.processor = used.ru_utime + used.ru_stime
        if done.returncode:
            sys.exit(f"{command}: {done.stderr or done.stdout}")
        return seconds

    def empty(self, name: str) -> Path:
        """Remove a folder and return its path."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        return self.folder / name

    def project(self, name: str, dependencies: list[str]) -> Path:
        """Write a project that was never built before."""
        root = self.empty(name)
        root.mkdir()
        (root / "main.py").write_text("async def app(scope, receive, send): ...\n")
        (root / "pyproject.toml").write_text(
            '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            f'[project]\nname = "bench"\nversion = "1.0"\ndependencies = {json.dumps(dependencies)}\n'
            '[tool.aleph]\nentrypoint = "main:app"\n'
        )
        time.sleep(0.05)  # files of this very moment are never trusted
        return root

    def build(self, root: Path) -> float:
        """Build a project with our command, whole process."""
        return self.run(sys.executable, "-m", "hatch_aleph", "build", "--project", root, "--out", root / "dist")

    def by_hand(self, dependencies: list[str]) -> float:
        """The fastest way by hand: uv, and zstd without bytecode."""
        target, image = self.empty("hand"), self.folder / "hand.squashfs"
        seconds = self.run(
            "uv", "pip", "install", "--target", target, *PLATFORM, "--python", self.python311, *dependencies
        )
        return seconds + self.run(
            "mksquashfs",
            target,
            image,
            "-comp",
            "zstd",
            "-Xcompression-level",
            "3",
            "-noappend",
            "-quiet",
            "-no-progress",
        )

    def by_pip(self, dependencies: list[str]) -> float:
        """The documented way by hand."""
        target, image = self.empty("pip"), self.folder / "pip.squashfs"
        seconds = self.run(self.python311, "-m", "pip", "install", "-q", "-t", target, *dependencies)
        return seconds + self.run("mksquashfs", target, image, "-noappend", "-quiet", "-no-progress")

    def imported(self, image: Path, code: str) -> float:
        """Import from a mounted image, with cold caches, as the guest does."""
        mount = self.folder / "mount"
        mount.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "loop,ro", image, mount], check=True)
        try:
            subprocess.run(["sync"], check=True)
            Path("/proc/sys/vm/drop_caches").write_text("3")
            # The interpreter and its library are warm in a guest that has run init.
            self.run(self.python311, "-OO", "-c", "import asyncio, json, http.client, decimal, email.parser, ssl")
            line = (
                f"import sys, time; sys.path.insert(0, {str(mount)!r}); before = time.perf_counter(); {code}; "
                "print(time.perf_counter() - before)"
            )
            command = [self.python311, "-OO", "-S", "-c", line]
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=self.environ)
            return float(done.stdout)
        finally:
            subprocess.run(["umount", mount], check=True)


def measure(bench: Bench, name: str, rounds: int, *, pip: bool) -> dict[str, object]:
    """Return seconds by way, each round measuring all of them, so that a noisy moment meets all."""
    wanted = SETS[name]
    old, new = CHANGED[name]
    changed = [new if each == old else each for each in wanted]
    bench.by_hand(wanted)  # warm wheel cache
    bench.by_hand(changed)
    seconds: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}

    def note(way: str, work: Callable[[], float]) -> None:
        before = bench.processor
        seconds.setdefault(way, []).append(work())
        processor.setdefault(way, []).append(bench.processor - before)

    for _ in range(rounds):
        note("by hand", lambda: bench.by_hand(wanted))
        bench.empty("cache")
        note("first", lambda: bench.build(bench.project("first", wanted)))
        note("later", lambda: bench.build(bench.project("later", wanted)))
        bench.run(sys.executable, "-m", "hatch_aleph", "lock", "--project", bench.folder / "first")
        bench.build(bench.folder / "first")
        fresh = bench.project("fresh", wanted)
        shutil.copy(bench.folder / "first/pylock.toml", fresh)
        time.sleep(0.05)
        note("later, lock", lambda: bench.build(fresh))  # noqa: B023 - called at once
        note("unchanged, lock", lambda: bench.build(bench.folder / "first"))
        note("unchanged", lambda: bench.build(bench.folder / "later"))
        note("changed", lambda: bench.build(bench.project("later", changed)))
    image = next((bench.folder / "first/dist").glob("*-packages.squashfs"))
    result: dict[str, object] = {
        "seconds": {way: statistics.median(each) for way, each in seconds.items()},
        "processor": {way: statistics.median(each) for way, each in processor.items()},
        "all": seconds,
        "size": {"by hand": (bench.folder / "hand.squashfs").stat().st_size, "first": image.stat().st_size},
    }
    if pip:
        result["pip"] = bench.by_pip(wanted)
    if os.geteuid() == 0:
        bench.by_hand(wanted)
        images = {"by hand": bench.folder / "hand.squashfs", "ours": image}
        if pip:
            images["by pip"] = bench.folder / "pip.squashfs"
        times: dict[str, list[float]] = {way: [] for way in images}
        for _ in range(rounds):
            for way, file in images.items():
                times[way].append(bench.imported(file, IMPORTS[name]))
        result["import"] = {way: statistics.median(each) for way, each in times.items()}
    return result


def show(name: str, result: dict[str, object]) -> None:
    """Print one set's table."""
    seconds, processor = result["seconds"], result["processor"]
    assert isinstance(seconds, dict)
    assert isinstance(processor, dict)
    hand = seconds["by hand"]
    print(f"\n| {name} | seconds | of the fastest by hand | at most | processor seconds |")
    print("|---|---|---|---|---|")
    for way, value in seconds.items():
        goal = GOALS.get(way, "")
        limit = goal[name] if isinstance(goal, dict) else goal
        print(f"| {way} | {value:.2f} | {value / hand:.2f} | {limit} | {processor[way]:.2f} |")
    if "pip" in result:
        print(f"| pip and mksquashfs | {result['pip']:.2f} | {float(str(result['pip'])) / hand:.2f} | | |")
    imports = result.get("import")
    if isinstance(imports, dict):
        for way, value in imports.items():
            print(f"| import, {way} | {value:.2f} | {value / imports['by hand']:.2f} | | |")
        if "by pip" in imports:
            print(f"| import, ours to the documented way | | {imports['ours'] / imports['by pip']:.2f} | 0.5 | |")
    size = result["size"]
    assert isinstance(size, dict)
    print(
        f"\nsize: by hand {size['by hand'] / 2**20:.1f} MiB (zstd 3, no bytecode), ours {size['first'] / 2**20:.1f} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", action="append", choices=sorted(SETS), dest="sets")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pip", action="store_true", help="also the documented way, once")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = interpreters.find("3.11")
    if found is None or not shutil.which("mksquashfs") or not shutil.which("uv"):
        sys.exit("needs uv, mksquashfs and a CPython 3.11")
    results = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for name in options.sets or list(SETS):
            results[name] = measure(Bench(Path(folder), found.path), name, options.rounds, pip=options.pip)
            show(name, results[name])
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
