"""Measure the squashfs writer against mksquashfs: whole processes, in pairs, on trees of real packages.

    python benchmarks/squashfs.py [time] [memory] [segments] [--levels 3,9,15] [--runs 5] [--keep FOLDER]

It needs uv and mksquashfs, and a package index for the trees: *light* is fastapi, uvicorn, httpx and numpy, *heavy*
fastapi, pandas, scikit-learn, pillow, sqlalchemy and cryptography. Runs alternate (A B A B), so that a machine whose
speed drifts is unfair to neither; ratios are those of the medians.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TREES = {
    "light": ["fastapi", "uvicorn", "httpx", "numpy"],
    "heavy": ["fastapi", "pandas", "scikit-learn", "pillow", "sqlalchemy[asyncio]", "cryptography"],
}
PLATFORM = ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_36", "--only-binary", ":all:"]
THREADS = 2
MIB = 1 << 20


@dataclass(frozen=True)
class Run:
    """One process: wall seconds, processor seconds, peak memory in bytes."""

    wall: float
    cpu: float
    memory: int


def measure(command: list[str | Path], target: Path) -> Run:
    """Run a command that writes ``target``, which is removed before."""
    target.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def pairs(ours: list[str | Path], theirs: list[str | Path], folder: Path, runs: int) -> tuple[list[Run], list[Run]]:
    """Run both in turn, after one warm-up each; both write into ``folder``."""
    rounds = [(measure(ours, folder / "ours"), measure(theirs, folder / "theirs")) for _ in range(runs + 1)]
    mine, other = zip(*rounds[1:], strict=True)
    return list(mine), list(other)


def median(runs: list[Run], what: str) -> float:
    return statistics.median(getattr(run, what) for run in runs)


def pack(tree: Path, folder: Path, level: int) -> list[str | Path]:
    return [sys.executable, "-m", "hatch_aleph.squashfs", "pack", tree, folder / "ours", f"--level={level}",
            f"--workers={THREADS}"]  # fmt: skip


def mksquashfs(tree: Path, folder: Path, level: int) -> list[str | Path]:
    return ["mksquashfs", tree, folder / "theirs", "-comp", "zstd", "-Xcompression-level", str(level), "-b", "131072",
            "-processors", str(THREADS), "-noappend", "-all-root", "-quiet", "-no-progress"]  # fmt: skip


def install(folder: Path, name: str) -> Path:
    """Make a tree unless it is there."""
    tree = (folder / name).resolve()
    if not tree.exists():
        subprocess.run(["uv", "pip", "install", "-q", "--target", tree, *PLATFORM, *TREES[name]], check=True)
    return tree


def compare_times(folder: Path, levels: list[int], runs: int) -> None:
    """Print time, processor time, memory and size of both at each level."""
    print("tree  level   ours s  theirs s   time    cpu  memory MiB     size")
    for name in TREES:
        tree = install(folder, name)
        for level in levels:
            ours, theirs = pairs(pack(tree, folder, level), mksquashfs(tree, folder, level), folder, runs)
            sizes = [(folder / each).stat().st_size for each in ("ours", "theirs")]
            wall, cpu = (median(ours, what) / median(theirs, what) for what in ("wall", "cpu"))
            memory = f"{median(ours, 'memory') / MIB:.0f} / {median(theirs, 'memory') / MIB:.0f}"
            print(
                f"{name:5} {level:5} {median(ours, 'wall'):8.3f} {median(theirs, 'wall'):9.3f} {wall:6.3f} {cpu:6.3f}"
                f" {memory:>11} {sizes[0] / sizes[1]:8.4f}",
                flush=True,
            )


def measure_memory(folder: Path) -> None:
    """Print the peak for a gigabyte: large files, many small ones, half of it noise."""
    tree = folder / "gigabyte"
    if not tree.exists():
        make_gigabyte(tree)
    for options in ([], ["--block-size=1048576"], ["--level=3", "--workers=8"]):
        command = [sys.executable, "-m", "hatch_aleph.squashfs", "pack", tree, folder / "ours", *options]
        run = measure(command, folder / "ours")
        label = " ".join(options) or "as it comes"
        print(f"1 GiB, {label}: peak {run.memory / MIB:.1f} MiB, {run.wall:.1f} s", flush=True)


def make_gigabyte(tree: Path) -> None:
    """Write the files in small pieces: a child's peak counts what its parent had when it was made."""
    chance = random.Random(0)  # noqa: S311 - the same tree each time
    sizes = [64 * MIB] * 8 + [3 * MIB + 17] * 80 + [20_000] * 14_000
    for number, size in enumerate(sizes):
        file = tree / f"{number % 40}" / f"{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as stream:
            for start in range(0, size, 2 << 15):
                half = chance.randbytes(1 << 15) + b"line %d of a text\n" % number * 2000
                stream.write(half[: min(2 << 15, size - start)])


ASSEMBLE = """
import sys
from hatch_aleph.squashfs import Options, Segment, scan, write_image
from pathlib import Path
first, second, tree, image, level = sys.argv[1:]
known = [Segment.load(Path(first)), Segment.load(Path(second))]
write_image([*known, *scan(Path(tree), "project")], Path(image), Options(level=int(level)))
"""


def compare_segments(folder: Path, levels: list[int], runs: int) -> None:
    """Print what an image of two known segments and a small new group takes, verified and with its digest."""
    sys.path.insert(0, str(ROOT))
    from hatch_aleph.squashfs import Options, scan, write_segment

    tree = install(folder, "heavy")
    project = folder / "project"
    if not project.exists():
        shutil.copytree(ROOT / "hatch_aleph", project, ignore=shutil.ignore_patterns("__pycache__"))
    entries = list(scan(tree))
    for level in levels:
        halves = [[entry for entry in entries if (entry.path < "p") == half] for half in (True, False)]
        for number, half in enumerate(halves):
            write_segment(half, folder / f"segment{number}", Options(level=level))
        ours = [sys.executable, "-c", ASSEMBLE, folder / "segment0", folder / "segment1", project, folder / "ours",
                str(level)]  # fmt: skip
        mine, other = pairs(ours, mksquashfs(tree, folder, level), folder, runs)
        wall = median(mine, "wall") / median(other, "wall")
        print(
            f"segments, level {level}: {median(mine, 'wall'):.3f} s, mksquashfs for the whole "
            f"{median(other, 'wall'):.3f} s, ratio {wall:.3f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="time, memory, segments (default: all)")
    parser.add_argument("--levels", default="3,9,15")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="folder for the trees, kept for the next time")
    arguments = parser.parse_args()
    levels = [int(level) for level in arguments.levels.split(",")]
    what = arguments.what or ["time", "memory", "segments"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if "time" in what:
            compare_times(folder, levels, arguments.runs)
        if "memory" in what:
            measure_memory(folder)
        if "segments" in what:
            compare_segments(folder, levels, arguments.runs)


if __name__ == "__main__":
    main()
