"""An installed distribution, file by file as its wheel brought it.

Only what the wheel format lets an installer write differs from the wheel: scripts whose first bytes are ``#!python``
start with the guest's interpreter, console scripts are ours, ``RECORD`` is sorted and lists what is there. Installers'
notes (who installed, from where, when) and bytecode, which the guest never reads, are left out.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import io
import os
import posixpath
import re
import stat
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from hatch_aleph.errors import DependencyError
from hatch_aleph.files import text_of
from hatch_aleph.squashfs import Entry
from hatch_aleph.text import normalize, without_credentials
from hatch_aleph.wheel_file import headers, is_bytecode, member_path, readable, record_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message
    from pathlib import Path

SHEBANG = b"#!/usr/bin/python3\n"  # where Debian has it
_SCRIPT_FOLDER = "Scripts" if os.name == "nt" else "bin"
_NOTES = frozenset(("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json", "RECORD"))
_HASHES = frozenset(("sha256", "sha384", "sha512"))  # what the wheel format allows
_HINT = "The wheel is broken or hostile: choose another version."
_FIRST_LINE = re.compile(rb"#!(?:/bin/sh\n'''exec' '?([^\n]*?)'? \"\$0\" \"\$@\"\n' '''\n|([^\n]*)\n)")
_OF_PIP = re.compile(r"pip3\.\d+(?:\.exe)?")  # which installers write for their own Python, whatever the wheel says
_CHUNK = 1 << 20  # bytes
SECRET_ADDRESS = re.compile(r"@\s*\S+://(?:[^/\s]*@|\S*\?)")  # a user part or a query
_SCRIPT = """\
import os, sys
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
from {module} import {first}
if __name__ == "__main__":
    sys.exit({attribute}())
"""


@dataclass(frozen=True)
class InstalledWheel:
    """One distribution.

    Attributes:
        info: Name of its ``.dist-info`` folder.
        entries: All of it, sorted by path.
        hashes: Of each file as RECORD writes it; "" where the wheel gave none.
        recorded: Paths whose hash is the wheel's own word, to be verified.
        absent: Files that RECORD lists and that are not there.
        lost: Those of them that the wheel itself does not hold, as far as that was seen.
    """

    info: str
    entries: tuple[Entry, ...]
    hashes: Mapping[str, str] = field(repr=False)
    recorded: frozenset[str] = field(default=frozenset(), repr=False)
    absent: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @cached_property
    def files(self) -> dict[str, Entry]:
        """The entries by path."""
        return {entry.path: entry for entry in self.entries}

    @cached_property
    def metadata(self) -> Message:
        """The distribution's METADATA."""
        return headers(self.read(f"{self.info}/METADATA"))

    @property
    def digest(self) -> str:
        """What stands for the content in cache keys when no wheel's hash does."""
        lines = (
            f"{entry.path!r} {entry.mode:o} {self.hashes.get(entry.path) or record_hash(entry.read())}\n"
            for entry in self.entries
        )
        return "tree:" + hashlib.sha256("".join(lines).encode()).hexdigest()

    def read(self, path: str) -> bytes:
        """Return the content of a file; b"" when there is none."""
        entry = self.files.get(path)
        return entry.read() if entry else b""

    def differing(self) -> list[str]:
        """Return the files that are not those of the wheel's RECORD: changed, or gone since it was unpacked."""
        files, hashes = self.files, self.hashes
        changed = [path for path in self.recorded if not matches_record(files[path].source, hashes[path])]
        return sorted([*changed, *(path for path in self.absent if path not in self.lost)])


def installed(target: Path, python: str) -> dict[str, InstalledWheel]:
    """Return what uv installed in a folder, by normalised name.

    Args:
        target: The folder.
        python: The interpreter that uv was given, which starts the scripts that it wrote.

    Raises:
        DependencyError: For paths that lead out of the folder, or into what an image says of itself.
    """
    found = {}
    for info in sorted(target.glob("*.dist-info")):
        with readable(info.name.removesuffix(".dist-info"), DependencyError, _HINT):
            each = _read(target, info, python)
            found[normalize(str(each.metadata["Name"] or info.name.partition("-")[0]))] = each
    return found


def _read(target: Path, info: Path, python: str) -> InstalledWheel:
    entries: dict[str, Entry] = {}
    hashes: dict[str, str] = {}
    sizes: dict[str, int] = {}
    recorded = set()
    absent = []
    scripts = dict(_entry_points(info))
    for row in record_rows(io.StringIO(text_of(info / "RECORD"))):
        inside = member_path(row[0])
        folder, _, name = inside.rpartition("/")
        path = f"bin/{name}" if folder == _SCRIPT_FOLDER else inside
        if (folder == info.name and name in _NOTES) or is_bytecode(path):
            continue
        if folder == _SCRIPT_FOLDER and (name.removesuffix(".exe") in scripts or _OF_PIP.fullmatch(name)):
            continue
        file = target / inside
        status = _status(file)
        if status is None or not stat.S_ISREG(status.st_mode):
            if any(row[1:2]) or status is None or not stat.S_ISDIR(status.st_mode):  # folders are listed without a hash
                absent.append(inside)
            continue
        sizes[path] = status.st_size
        executable = bool(status.st_mode & 0o111) or folder == _SCRIPT_FOLDER
        hashes[path] = row[1] if len(row) > 1 else ""
        source: Path | bytes = file
        own = _for_guest(file, python) if folder == _SCRIPT_FOLDER else None
        if path == f"{info.name}/METADATA":
            own = _as_published(file.read_bytes())
        if own is not None:
            source, hashes[path], sizes[path] = own, record_hash(own), len(own)
        elif hashes[path]:
            recorded.add(path)
        entries[path] = Entry(path, "file", 0o755 if executable else 0o644, source)
    absent += {f"{info.name}/METADATA"} - entries.keys()  # RECORD was cut off: uv sees to it that this is listed
    for name, text in scripts.items():
        path = f"bin/{name}"
        hashes[path], sizes[path] = record_hash(text), len(text)
        entries[path] = Entry(path, "file", 0o755, text)
    record = f"{info.name}/RECORD"
    entries[record] = Entry(record, "file", 0o644, _record(hashes, sizes, record))
    return InstalledWheel(
        info.name, tuple(entries[path] for path in sorted(entries)), hashes, frozenset(recorded), tuple(absent)
    )


def _status(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None


def _as_published(metadata: bytes) -> bytes | None:
    """Return METADATA whose requirements name no path of a host that is not public, where a token may stand.

    None where nothing changes. User parts and queries stay, for they are refused.
    """
    head, end, text = metadata.partition(b"\n\n")
    if b"://" not in head:
        return None
    lines = head.decode("utf-8", "surrogateescape").split("\n")
    shown = [
        without_credentials(line) if line.startswith("Requires-Dist:") and not SECRET_ADDRESS.search(line) else line
        for line in lines
    ]
    return None if shown == lines else "\n".join(shown).encode("utf-8", "surrogateescape") + end + text


def _for_guest(file: Path, python: str) -> bytes | None:
    """Return a script for the guest's interpreter if uv wrote its first line, which stood for ``#!python``.

    Source: astral-sh/uv, crates/uv-install-wheel/src/wheel.rs (``format_shebang``).
    """
    with file.open("rb") as stream:
        if stream.read(2) != b"#!":
            return None
        stream.seek(0)
        text = stream.read()
    head = _FIRST_LINE.match(text)
    if head is None or posixpath.normpath(os.fsdecode(head[1] or head[2])) != posixpath.normpath(python):
        return None
    return SHEBANG + text[head.end() :]


def matches_record(source: Path | bytes | None, recorded: str) -> bool:
    """Tell whether a file has the hash that RECORD gives it, as ``sha256=...``."""
    algorithm, _, expected = recorded.partition("=")
    if algorithm not in _HASHES or source is None:
        return False
    digest = hashlib.new(algorithm)
    if isinstance(source, bytes):
        digest.update(source)
    else:
        with source.open("rb", buffering=0) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return _encoded(digest.digest()) == expected.rstrip("=")


def _entry_points(info: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the scripts that an installer makes of ``entry_points.txt``."""
    try:
        for each in importlib.metadata.Distribution.at(info).entry_points:
            if each.group in ("console_scripts", "gui_scripts") and each.attr and "/" not in each.name:
                yield each.name, console_script(each)
    except (ValueError, AttributeError) as error:  # no text, or not of an entry point's form
        raise DependencyError(
            f"The wheel's entry_points.txt cannot be read: {error}",
            where=info.name.removesuffix(".dist-info"),
            hint=_HINT,
        ) from error


def console_script(point: importlib.metadata.EntryPoint) -> bytes:
    """Return the script that an installer makes of an entry point, for the guest."""
    script = _SCRIPT.format(module=point.module, attribute=point.attr, first=point.attr.partition(".")[0])
    return SHEBANG + script.encode()


def _record(hashes: Mapping[str, str], sizes: Mapping[str, int], record: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([path, hashes[path], sizes[path]] for path in sorted(hashes))
    writer.writerow([record, "", ""])
    return text.getvalue().encode()


def record_hash(data: bytes) -> str:
    """Return the hash of a file's content as RECORD writes it."""
    return f"sha256={_encoded(hashlib.sha256(data).digest())}"


def _encoded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
