"""Tell branch coverage by room, and name what is not covered: after `coverage combine`, in `nox -s coverage`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

GOAL = 95.0


def main() -> None:
    """Print a table of rooms, then the lines and branches that no test reached."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "coverage.json"
        command = [sys.executable, "-m", "coverage", "json", "-q", "-i", "-o", str(file)]
        subprocess.run(command, check=True)
        files = json.loads(file.read_text("utf-8"))["files"]
    rooms: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for path, found in files.items():
        room = Path(path).parts[1].removesuffix(".py")
        counted = found["summary"]
        for at, key in enumerate(("covered_lines", "num_statements", "covered_branches", "num_branches")):
            rooms[room][at] += counted[key]
    rooms["all"] = [sum(counts[at] for counts in rooms.values()) for at in range(4)]
    print("| room | lines | branches | both |\n|---|---|---|---|")
    for room, (lines, statements, branches, all_branches) in sorted(rooms.items(), key=lambda item: _both(item[1])):
        shares = (_share(lines, statements), _share(branches, all_branches), _both(rooms[room]))
        print(f"| {room} | " + " | ".join(f"{share:.1f} %" for share in shares) + " |")
    print(f"\nGoal: {GOAL:.0f} %. Not covered (lines; branches from -> to):\n")
    for path, found in sorted(files.items()):
        if found["missing_lines"] or found["missing_branches"]:
            ways = ", ".join(f"{start}->{end}" for start, end in found["missing_branches"])
            print(f"{path}: {_ranges(found['missing_lines'])}" + (f"; {ways}" if ways else ""))


def _share(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0


def _both(counts: list[int]) -> float:
    return _share(counts[0] + counts[2], counts[1] + counts[3])


def _ranges(lines: list[int]) -> str:
    """Write line numbers as ranges: 3-5, 9."""
    ranges: list[list[int]] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


if __name__ == "__main__":
    main()
