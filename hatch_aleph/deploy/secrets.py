"""Refuse to publish what looks like a secret: code, variables, manifest, and the key that signs anywhere."""

from __future__ import annotations

import functools
import io
import json
import sys
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from hatch_aleph.errors import ArtifactError
from hatch_aleph.secrets import (
    KEEP_OUT,
    OWN_KEY,
    Finding,
    find_in_file,
    find_in_variables,
    holds_own_key,
    refuse,
)
from hatch_aleph.secrets.archives import FAULTS
from hatch_aleph.squashfs import SquashfsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.secrets.own_key import KeyForms


_UNREADABLE = (SquashfsError, *FAULTS)


def check_secrets(artifact: Artifact, account: Any = None) -> None:
    """Refuse an artifact that seems to hold secrets.

    Args:
        artifact: What is to be published.
        account: Who signs: its key is refused wherever it stands, in whatever form.

    Raises:
        ArtifactError: An image cannot be read.
        PlanError: With each finding's file and line; nothing was sent.
    """
    allowed = artifact.manifest.settings.secrets.allow
    try:
        found = list(find_secrets(artifact, own_key(account)))
    except _UNREADABLE as error:
        raise ArtifactError(
            f"An image cannot be read: {error}", where=str(artifact.path), hint="Build again."
        ) from error
    refuse(found, allowed, where=str(artifact.path), hint=KEEP_OUT)


def check_own_key(artifact: Artifact, account: Any) -> None:
    """Refuse an artifact that holds the key that signs, whatever else is in it.

    Raises:
        PlanError: With each file that holds it; nothing was sent.
    """
    own = own_key(account)
    if own is None:
        return
    found: list[Finding] = []
    try:
        found.extend(of_own_key(find_secrets(artifact, own)))
    except _UNREADABLE:  # of what is no image the bytes alone can be looked through
        files = [artifact.file(image) for image in artifact.manifest.images]
        found.extend(Finding(file.name, 0, "", OWN_KEY) for file in files if file.exists() and _holds(file, own))
    refuse(found, (), where=str(artifact.path), hint="Take it out of the project, and build again.")


def check_file(file: Path, account: Any, allowed: Iterable[str] = (), *, scan: bool = True) -> None:
    """Refuse to publish a file that is a secret, or in which one stands.

    Args:
        file: The file.
        account: Who signs: its key is refused whatever is allowed.
        allowed: Names that only look like secrets (globs).
        scan: Look for other secrets than the own key.

    Raises:
        PlanError: With each finding's line; nothing was sent.
    """
    own = own_key(account)
    with file.open("rb") as stream:
        found = list(find_in_file(file.name, stream, own))
    if own is not None and own.occur_in(_bytes(file.name)):
        found.append(Finding("the file's name", 0, "", OWN_KEY))
    hint = "Publish another file. What is harmless is allowed by its name (--allow-secret); --no-secret-scan looks for "
    refuse(
        found if scan else of_own_key(found),
        allowed,
        where="a file" if own is not None and own.occur_in(_bytes(file.name)) else str(file),
        hint=f"{hint}the key that signs alone.",
    )
    if own is not None:
        own.searched.add(_identity(file))


def check_outgoing_file(file: Path, account: Any) -> None:
    """Refuse to send a file that holds the key that signs, unless it has been searched as it stands.

    Raises:
        PlanError: It holds it; nothing of it was sent.
    """
    own = own_key(account)
    if own is not None and _identity(file) not in own.searched and _holds(file, own):
        refuse([Finding(file.name, 0, "", OWN_KEY)], (), where=str(file), hint="Publish another file.")


# Types of which the text is new with each message; of others it was searched with its file, or is public already.
_OF_NEW_TEXT = ("FORGET", "AGGREGATE")


def check_outgoing_message(type_: str, message: Mapping[str, Any], account: Any) -> None:
    """Refuse to sign a message in which the key that signs stands, or another secret in what its sender writes anew.

    Args:
        type_: Its type.
        message: What it says, or its content alone.
        account: Who signs.

    Raises:
        PlanError: It does; nothing was signed.
    """
    own = own_key(account)
    where, text = f"the {type_} message", json.dumps(message, indent=1, ensure_ascii=False)
    found = [Finding(where, 0, "", OWN_KEY)] if own is not None and own.occur_in(_bytes(text)) else []
    if type_ in _OF_NEW_TEXT:
        found += find_in_file(where, io.BytesIO(_bytes(text)))
    refuse(found, (), where=where, hint="Take it out of what the message says; it is public for ever.")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _identity(file: Path) -> tuple[object, ...]:
    status = file.stat()
    return (str(file), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def of_own_key(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Return the findings that are the key that signs."""
    return (finding for finding in findings if finding.kind == OWN_KEY)


def own_key(account: Any) -> KeyForms | None:
    """Return the forms of an account's key; devices and accounts of plugins keep theirs."""
    forms: KeyForms | None = getattr(account, "key_forms", None)
    return forms


def find_secrets(artifact: Artifact, own: KeyForms | None = None) -> Iterator[Finding]:
    """Return what looks like a secret in the code image, the volumes, the variables and the rest of the manifest.

    Whether they were searched when they were built, nothing tells here: builds for this machine alone are not. What an
    index gave to the packages image is public already, and what is local was searched when it was packed, whatever the
    build: there only the own key is looked for, and in an index's wheels only its plain forms.
    """
    manifest = artifact.manifest
    for image in manifest.images:
        file = artifact.file(image)
        if not file.exists():
            continue
        if image.role != "packages":
            yield from _in_image(file, image.encoding, own)
        elif own is not None:
            yield from _own_key_in(file, image.encoding, own)
    rest = json.loads(manifest.to_json())
    variables: Mapping[str, str] = rest["program"].pop("variables", None) or {}
    yield from find_in_variables(sorted(variables.items()), own)
    yield from find_in_file(artifact.path.name, io.BytesIO(json.dumps(rest, indent=1).encode()), own)


def find_in_program(
    code: Path | None, encoding: str, variables: Mapping[str, str], own: KeyForms | None = None
) -> Iterator[Finding]:
    """Return what looks like a secret in a program's code, an image or a zip archive, and in its variables."""
    if code is not None:
        yield from _in_image(code, encoding, own)
    yield from find_in_variables(sorted(variables.items()), own)


def _in_image(image: Path, encoding: str, own: KeyForms | None) -> Iterator[Finding]:
    inside = False
    for path, content in files_of(image, encoding):
        with content() as stream:
            for finding in find_in_file(path, stream, own):
                inside = inside or finding.kind == OWN_KEY
                # No message repeats the key that is in a name.
                yield finding if own is None or not own.occur_in(finding.where.encode()) else _of_name(image)
    if own is not None and not inside:
        yield from _own_key_outside(image, encoding, own)
        own.searched.add(_identity(image))


def _own_key_in(image: Path, encoding: str, own: KeyForms) -> Iterator[Finding]:
    """Return where a packages image holds the key that signs."""
    from hatch_aleph.build.packages.provenance import of_an_index

    inside = False
    is_of_an_index = of_an_index(image)
    for path, content in files_of(image, encoding):
        with content() as stream:
            if holds_own_key(stream, own, plain=is_of_an_index(path)):
                inside = True
                yield Finding(path, 0, "", OWN_KEY)
    if not inside:
        yield from _own_key_outside(image, encoding, own, plain=True)
        own.searched.add(_identity(image))


def _own_key_outside(image: Path, encoding: str, own: KeyForms, *, plain: bool = False) -> Iterator[Finding]:
    """Find the key in names, in links, and in bytes of an image or archive that belong to no file.

    What is compressed there are its files, which were looked through one by one, and extended attributes; of an image
    that only builds write (``plain``) the plain forms are enough.
    """
    if any(own.occur_in(name.encode("utf-8", "surrogateescape")) for name in _names(image, encoding)):
        yield _of_name(image)
    elif _holds(image, own, unpack=False, plain=plain) or (encoding != "zip" and _stands_behind_the_files(image, own)):
        yield Finding(image.name, 0, "", OWN_KEY)


def _stands_behind_the_files(image: Path, own: KeyForms) -> bool:
    """Tell whether the key stands in the last tables of an image: its extended attributes, compressed as its files."""
    from hatch_aleph.squashfs.reader import open_image

    with open_image(image) as opened, image.open("rb") as stream:
        stream.seek(min(opened.superblock.id_table, opened.superblock.used))
        return holds_own_key(stream, own)


def _holds(file: Path, own: KeyForms, *, unpack: bool = True, plain: bool = False) -> bool:
    with file.open("rb") as stream:
        return holds_own_key(stream, own, unpack=unpack, plain=plain)


def _of_name(image: Path) -> Finding:
    return Finding(f"a name in {image.name}", 0, "", OWN_KEY)


def _names(image: Path, encoding: str) -> Iterator[str]:
    if encoding == "zip":
        with ZipFile(image) as archive:
            yield from archive.namelist()
        return
    from hatch_aleph.squashfs.reader import open_image

    with open_image(image) as opened:
        for member, _ in opened.members():
            yield from (member.path, member.target or "")


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
