"""What an installed distribution consists of, without what differs from one installation to the next.

Scripts are written anew (installers put their own interpreter's path in them), ``RECORD`` is sorted and lists what is
there, and the installer's notes (who installed, from where, when) are gone.
"""

from __future__ import annotations

import base64
import csv
import email.parser
import hashlib
import io
import os
import posixpath
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from hatch_aleph.build.packages.lock import normalize
from hatch_aleph.squashfs import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message
    from pathlib import Path

SHEBANG = b"#!/usr/bin/python3\n"  # where Debian has it
_SCRIPT_FOLDERS = ("bin", "Scripts") if os.name == "nt" else ("bin",)
_NOTES = frozenset(("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json", "RECORD"))
_PYTHON_SHEBANG = re.compile(rb"#!(?:[^\n]*python[^\n]*\n|/bin/sh\n'''exec'[^\n]*\n' '''\n)")
_SCRIPT = """\
import os, sys
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
from {module} import {first}
if __name__ == "__main__":
    sys.exit({attribute}())
"""


@dataclass(frozen=True)
class Tree:
    """One distribution.

    Attributes:
        info: Name of its ``.dist-info`` folder.
        entries: All of it, sorted by path.
        hashes: SHA-256 of each file as RECORD writes it; "" where the wheel gave none.
    """

    info: str
    entries: tuple[Entry, ...]
    hashes: Mapping[str, str] = field(repr=False)

    @cached_property
    def files(self) -> dict[str, Entry]:
        """The entries by path."""
        return {entry.path: entry for entry in self.entries}

    @cached_property
    def metadata(self) -> Message:
        """The distribution's METADATA."""
        return email.parser.BytesParser().parsebytes(self.read(f"{self.info}/METADATA"), headersonly=True)

    @property
    def digest(self) -> str:
        """What stands for the content in cache keys when no wheel's hash does."""
        lines = (f"{entry.path!r} {entry.mode:o} {self._hash(entry)}\n" for entry in self.entries)
        return "tree:" + hashlib.sha256("".join(lines).encode()).hexdigest()

    def read(self, path: str) -> bytes:
        """Return the content of a file; b"" when there is none."""
        entry = self.files.get(path)
        return content(entry) if entry else b""

    def _hash(self, entry: Entry) -> str:
        return self.hashes.get(entry.path) or _record_hash(content(entry))


def content(entry: Entry) -> bytes:
    """Return the bytes of a file entry."""
    if isinstance(entry.source, bytes):
        return entry.source
    return entry.source.read_bytes() if entry.source else b""


def installed(target: Path) -> dict[str, Tree]:
    """Return what is installed in a folder, by normalised name."""
    trees = {}
    for info in sorted(target.glob("*.dist-info")):
        tree = _tree(target, info)
        trees[normalize(str(tree.metadata["Name"]))] = tree
    return trees


def _tree(target: Path, info: Path) -> Tree:
    entries: dict[str, Entry] = {}
    hashes: dict[str, str] = {}
    scripts = dict(_entry_points(info))
    for row in csv.reader(io.StringIO(_text(info / "RECORD"))):
        inside = _inside(row[0]) if row else ""
        folder, _, name = inside.rpartition("/")
        path = f"bin/{name}" if folder in _SCRIPT_FOLDERS else inside
        if not path or (folder == info.name and name in _NOTES) or _is_dead(path):
            continue
        if folder in _SCRIPT_FOLDERS and name.removesuffix(".exe") in scripts:
            continue
        file = target / inside
        if not file.is_file():
            continue
        executable = bool(file.stat().st_mode & 0o111)
        hashes[path] = row[1] if len(row) > 1 else ""
        source: Path | bytes = file
        if folder in _SCRIPT_FOLDERS:
            source, executable = _PYTHON_SHEBANG.sub(SHEBANG, file.read_bytes(), count=1), True
            hashes[path] = _record_hash(source)
        entries[path] = Entry(path, "file", 0o755 if executable else 0o644, source)
    for name, script in scripts.items():
        path = f"bin/{name}"
        hashes[path] = _record_hash(script)
        entries[path] = Entry(path, "file", 0o755, script)
    record = f"{info.name}/RECORD"
    entries[record] = Entry(record, "file", 0o644, _record([*entries.values()], hashes, record))
    return Tree(info.name, tuple(entries[path] for path in sorted(entries)), hashes)


def _inside(path: str) -> str:
    """Return a RECORD path relative to the folder; uv writes scripts as ``../../bin/x`` of another scheme."""
    normal = posixpath.normpath(path.replace("\\", "/"))
    while normal.startswith("../"):
        normal = normal[3:]
    return "" if normal.startswith("/") else normal


def _is_dead(path: str) -> bool:
    """Tell bytecode that the guest never reads: it compiles nothing but opt-2, and that is ours."""
    return path.endswith((".pyc", ".pyo")) and "__pycache__" in path.split("/")


def _entry_points(info: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the scripts that an installer makes of ``entry_points.txt``."""
    section = ""
    for line in _text(info / "entry_points.txt").splitlines():
        text = line.strip()
        if text.startswith("["):
            section = text.strip("[] ")
        elif section in ("console_scripts", "gui_scripts") and "=" in text and text[0] not in "#;":
            name, _, target = text.partition("=")
            module, _, attribute = target.partition("[")[0].strip().partition(":")
            if module and attribute and "/" not in name:
                script = _SCRIPT.format(
                    module=module.strip(), attribute=attribute.strip(), first=attribute.strip().partition(".")[0]
                )
                yield name.strip(), SHEBANG + script.encode()


def _record(entries: list[Entry], hashes: Mapping[str, str], record: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for entry in sorted(entries, key=lambda each: each.path):
        size = (
            len(entry.source) if isinstance(entry.source, bytes) else entry.source.stat().st_size if entry.source else 0
        )
        writer.writerow([entry.path, hashes[entry.path], size])
    writer.writerow([record, "", ""])
    return text.getvalue().encode()


def _record_hash(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    return f"sha256={digest}"


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
