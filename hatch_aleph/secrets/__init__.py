"""Find secrets in what is about to be published: it is public, and for ever.

Values are judged by their form and by how random they look; the name that a value has is a hint, no more. No library
does that closely and fast enough (`nox -s secrets` measures ours): detect-secrets and its forks judge by names and take
seconds for a megabyte; betterleaks brings 51 MiB, and not for every machine.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from hatch_aleph.errors import HatchAlephError, PlanError, ProjectError
from hatch_aleph.secrets.archives import MAX_BYTES, OVERLAP, PIECE, SEPARATOR, is_archive, members
from hatch_aleph.secrets.file_names import is_public_pem, is_secret_name
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from hatch_aleph.secrets.own_key import KeyForms
    from hatch_aleph.squashfs import Entry

__all__ = [
    "KEEP_OUT",
    "OWN_KEY",
    "VARIABLES",
    "Finding",
    "check_entries",
    "find_by_names",
    "find_in_entries",
    "find_in_file",
    "find_in_variables",
    "holds_own_key",
    "refuse",
]

KEEP_OUT = (
    "Keep secrets out of the project. For what is harmless, `secrets.allow` in [tool.aleph] takes paths and names of "
    "variables, and a comment `pragma: allowlist secret` marks a line."
)
VARIABLES = "[tool.aleph] variables"
OWN_KEY = "the key that signs"


@dataclass(frozen=True)
class Finding:
    """Something that looks like a secret; the text itself is not kept.

    Attributes:
        where: File in the code image, or the variables' table.
        line: Line in the file; 0 for a variable, or for all of the file.
        name: Name of the variable; empty for a file.
        kind: What it looks like.
    """

    where: str
    line: int
    name: str
    kind: str

    def __str__(self) -> str:
        place = f"{self.where}.{self.name}" if self.name else f"{self.where}:{self.line}" if self.line else self.where
        return f"{printable(place)}: {self.kind}"

    def is_allowed(self, patterns: Iterable[str]) -> bool:
        """Tell whether the settings allow it, by the file's path or the variable's name; the own key never is."""
        subjects = [self.name] if self.name else [self.where, self.where.partition(SEPARATOR)[0]]
        allowed = any(fnmatch(subject, pattern) for subject in subjects for pattern in patterns)
        return self.kind != OWN_KEY and allowed


def refuse(
    findings: Iterable[Finding],
    allowed: Iterable[str],
    *,
    where: str,
    hint: str,
    error: type[HatchAlephError] = PlanError,
) -> None:
    """Refuse what is not allowed of some findings.

    Raises:
        HatchAlephError: Of the class given, with each finding's file and line; nothing was sent.
    """
    patterns = list(allowed)
    found = sorted({str(finding) for finding in findings if not finding.is_allowed(patterns)})
    if found:
        message = "This looks like secrets, and all that is published is public for ever:\n  " + "\n  ".join(found)
        raise error(message, where=where, hint=hint)


class SecretsFound(ProjectError):  # noqa: N818 - what was found, not what failed
    """Files of a project look like secrets: nothing that others read is built of them."""


def check_entries(
    entries: Iterable[Entry],
    allowed: Iterable[str],
    *,
    where: str,
    error: type[HatchAlephError] = SecretsFound,
) -> None:
    """Refuse files of a project in which something looks like a secret.

    Raises:
        HatchAlephError: Of the class given, with each finding's file and line.
    """
    refuse(find_in_entries(entries), allowed, where=where, hint=KEEP_OUT, error=error)


def find_by_names(entries: Iterable[Entry]) -> Iterator[Finding]:
    """Find files that are secrets by their names."""
    for entry in entries:
        if entry.kind == "file" and is_secret_name(entry.path) and not is_public_pem(entry.read()):
            yield Finding(entry.path, 0, "", "secret by its name")


def find_in_entries(entries: Iterable[Entry], own: KeyForms | None = None) -> Iterator[Finding]:
    """Find secrets in files, by their names and by what is in them."""
    for entry in entries:
        if entry.kind == "file":
            with entry.open() as stream:
                yield from find_in_file(entry.path, stream, own)


def find_in_file(path: str, stream: BinaryIO, own: KeyForms | None = None) -> Iterator[Finding]:
    """Find secrets in one file, read piece by piece, and in what an archive holds; each line is told once."""
    head = stream.read(PIECE)
    if is_secret_name(path) and not is_public_pem(head):
        yield Finding(path, 0, "", "secret by its name")
    if is_archive(head):
        head += stream.read(MAX_BYTES - len(head))
        for name, content in members(head):
            where = f"{path}{SEPARATOR}{name}" if name else path
            if own is not None and own.occur_in(name.encode("utf-8", "surrogateescape")):
                yield Finding(path, 0, "", OWN_KEY)
            if name and is_secret_name(name) and not is_public_pem(content):
                yield Finding(where, 0, "", "secret by its name")
            yield from _in_pieces(where, content, io.BytesIO(), own)
    yield from _in_pieces(path, head, stream, own)


def _in_pieces(path: str, head: bytes, stream: BinaryIO, own: KeyForms | None) -> Iterator[Finding]:
    told = set[int]()
    for line, data in _pieces(head, stream):
        if own is not None and own.occur_in(data):
            yield Finding(path, 0, "", OWN_KEY)
        for number, kind in _in_data(data):
            if line + number not in told:
                told.add(line + number)
                yield Finding(path, line + number, "", kind)


def _pieces(head: bytes, stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield a file in pieces that overlap, each with the number of its first line."""
    line, data, at = 1, head[:PIECE], PIECE
    while data:
        yield line, data
        more = head[at : at + PIECE] or stream.read(PIECE)
        if not more:
            return
        at += PIECE
        cut = max(len(data) - OVERLAP, 0)
        line += data.count(b"\n", 0, cut)
        data = data[cut:] + more


def holds_own_key(stream: BinaryIO, own: KeyForms, *, unpack: bool = True, plain: bool = False) -> bool:
    """Tell whether the key that signs stands in a file, or in what an archive holds.

    Args:
        stream: The file.
        own: What tells the key.
        unpack: Look into what is compressed in it as well.
        plain: Look for its plain forms alone.
    """
    head = stream.read(PIECE)
    if plain:
        return any(own.stand_plainly_in(data) for _, data in _pieces(head, stream))
    if unpack and is_archive(head):
        head += stream.read(MAX_BYTES - len(head))
        for name, content in members(head):
            named = name.encode("utf-8", "surrogateescape") + b"\n" + content
            if any(own.occur_in(data) for _, data in _pieces(named, io.BytesIO())):
                return True
    return any(own.occur_in(data, unpack=unpack) for _, data in _pieces(head, stream))


def find_in_variables(variables: Iterable[tuple[str, str]], own: KeyForms | None = None) -> Iterator[Finding]:
    """Find secrets among the values of variables, whose names are the hints."""
    from hatch_aleph.secrets.detector import find

    for name, value in variables:
        if own is not None and own.occur_in(value.encode("utf-8", "surrogateescape")):
            yield Finding(VARIABLES, 0, name, OWN_KEY)
        kind = next((kind for _, kind in find(f'{name} = "{value}"\n')), None)
        if kind is not None:
            yield Finding(VARIABLES, 0, name, kind)


def _in_data(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield line, counted from 0, and kind of what looks like a secret in a file's bytes."""
    from hatch_aleph.secrets.detector import ALLOWED, find, find_forms

    text, is_text = _decoded(data)
    for position, kind in find(text) if is_text else find_forms(text):
        start, end = text.rfind("\n", 0, position) + 1, text.find("\n", position)
        if ALLOWED not in text[start : end if end >= 0 else None]:
            yield text.count("\n", 0, position), kind


def _decoded(data: bytes) -> tuple[str, bool]:
    """Return a file's text, and whether it is one: other files may hold texts, with bytes between."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace"), True
    zeros = data.count(0, 0, 4096)
    if zeros > min(len(data), 4096) // 3:  # two bytes a letter, with no mark before
        return data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", "replace"), True
    if 0 not in data:
        return data.decode("utf-8", "replace"), True
    printing = sum(byte >= 32 or byte in (9, 10, 13) for byte in data[:4096])
    return data.decode("latin-1"), printing > min(len(data), 4096) * 0.95
