"""Refuse to publish what looks like a secret: code, variables, manifest, and the key that signs anywhere."""

from __future__ import annotations

import functools
import io
import json
import sys
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from hatch_aleph.secrets import KEEP_OUT, OWN_KEY, Finding, find_in_file, find_in_variables, refuse
from hatch_aleph.settings.entry_points import ADAPTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.secrets.own_key import KeyForms

_CHUNK = 1 << 22


def check_secrets(artifact: Artifact, account: Any = None) -> None:
    """Refuse an artifact that seems to hold secrets.

    Args:
        artifact: What is to be published.
        account: Who signs: its key is refused wherever it stands, in whatever form.

    Raises:
        PlanError: With each finding's file and line; nothing was sent.
    """
    refuse(
        find_secrets(artifact, own_key(account)),
        artifact.manifest.settings.secrets.allow,
        where=str(artifact.path),
        hint=KEEP_OUT,
    )


def own_key(account: Any) -> KeyForms | None:
    """Return the forms of an account's key; devices and accounts of plugins keep theirs."""
    forms: KeyForms | None = getattr(account, "key_forms", None)
    return forms


def find_secrets(artifact: Artifact, own: KeyForms | None = None) -> Iterator[Finding]:
    """Return what looks like a secret in the code image, the variables and the rest of the manifest.

    What an index gave to the packages image is public already; of that image only the own key is looked for.
    """
    manifest = artifact.manifest
    code, packages = manifest.image("code"), manifest.image("packages")
    if code is not None and artifact.file(code).exists():
        yield from _in_code(artifact.file(code), code.encoding, own)
    if own is not None and packages is not None and artifact.file(packages).exists():
        yield from _only_own_key(artifact.file(packages), own)
    rest = json.loads(manifest.to_json())
    variables: Mapping[str, str] = rest["program"].pop("variables", None) or {}
    yield from find_in_variables(sorted(variables.items()), own)
    yield from find_in_file(artifact.path.name, io.BytesIO(json.dumps(rest, indent=1).encode()), own)


def find_in_program(
    code: Path | None, encoding: str, variables: Mapping[str, str], own: KeyForms | None = None
) -> Iterator[Finding]:
    """Return what looks like a secret in a program's code, an image or a zip archive, and in its variables."""
    if code is not None:
        yield from _in_code(code, encoding, own)
    yield from find_in_variables(sorted(variables.items()), own)


def _in_code(code: Path, encoding: str, own: KeyForms | None) -> Iterator[Finding]:
    for path, content in files_of(code, encoding):
        # The adapter is ours, and the same in every program.
        if path.partition("/")[0] == ADAPTER:
            continue
        with content() as stream:
            yield from find_in_file(path, stream, own)


def _only_own_key(packages: Path, own: KeyForms) -> Iterator[Finding]:
    for path, content in files_of(packages, "squashfs"):
        with content() as stream:
            while data := stream.read(_CHUNK):
                if own.occur_in(data):
                    yield Finding(path, 0, "", OWN_KEY)


def files_of(code: Path, encoding: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield path and content of each file of an image or archive; nothing is unpacked."""
    if encoding == "zip":
        with ZipFile(code) as archive:
            for item in archive.infolist():
                if not item.is_dir():
                    yield item.filename, functools.partial(archive.open, item)
        return
    from hatch_aleph.squashfs.reader import open_image

    with open_image(code) as image:
        for member, inode in image.members():
            if member.kind == "file":
                yield member.path, functools.partial(_Content, image.content(inode))


class _Content(io.RawIOBase):
    """The pieces of a file as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int = -1) -> bytes:
        """Return at least ``size`` bytes if there are so many, and little more; all of them without a size."""
        parts, left = [], size if size >= 0 else sys.maxsize
        while left > 0 and (piece := next(self._pieces, b"")):
            parts.append(piece)
            left -= len(piece)
        return b"".join(parts)
