"""Make the table of a runtime's standard library: the hash of each source that images carry bytecode of.

    python tools/runtime_library.py debian_12 /usr/lib/python3.11 ROOT/usr/lib/python3.11 ...

Give the library's folder of every state of the release that an image may hold; the table grows by what it lacks.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hatch_aleph import runtimes
from hatch_aleph.build.packages.standard_library import modules, source_digest


def main(name: str, *folders: str) -> None:
    """Write the table."""
    file = Path(runtimes.__file__).with_name(f"runtimes_{name}.txt")
    lines = set(file.read_text("utf-8").splitlines()) if file.exists() else set()
    for folder in folders:
        lines.update(f"{source_digest(source)} {path}" for path, source in modules(Path(folder)).items())
    file.write_text("".join(f"{line}\n" for line in sorted(lines, key=lambda line: line.split()[::-1])), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
