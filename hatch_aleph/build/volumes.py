"""Volumes that are made of a folder or a file: packed as images, and published beside code and packages."""

from __future__ import annotations

import hashlib
import posixpath
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.artifact import Image, hash_file, volume_role
from hatch_aleph.build.checkout import lfs_pointers
from hatch_aleph.build.code_image import time_of
from hatch_aleph.errors import ImageError, ProjectError, SettingsError
from hatch_aleph.files import JUNK
from hatch_aleph.secrets import check_entries
from hatch_aleph.squashfs import Entry, Options, SquashfsError, scan, verify, write_image
from hatch_aleph.squashfs.codec import library_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_aleph.build.context import BuildContext
    from hatch_aleph.settings import Compression, ImmutableVolume

FORMAT = 1  # raised whenever the same inputs give another image
_MAGIC = b"hsqs"


def build_volumes(context: BuildContext, folder: Path) -> list[Image]:
    """Write the image of every volume that has a path.

    Args:
        context: The build.
        folder: Receives the images.

    Raises:
        SettingsError: A path leads to nothing.
        ProjectError: A file is a secret by its name, or a link leads out of the volume.
        ImageError: An image cannot be written, or one that is taken as it is cannot be read.
    """
    return [_build(context, volume, folder) for volume in context.settings.volumes.immutable if volume.path]


def _build(context: BuildContext, volume: ImmutableVolume, folder: Path) -> Image:
    source = context.project.root / Path(volume.path).expanduser()
    pyproject = str(context.project.root / "pyproject.toml")
    if not source.exists():
        raise SettingsError(
            f"tool.aleph.volumes.immutable: the path {volume.path!r} leads to no file or folder",
            where=pyproject,
            hint=f"It is relative to pyproject.toml: {source}",
        )
    if source.is_dir() and context.destination.resolve().is_relative_to(source.resolve()):
        raise SettingsError(
            f"tool.aleph.volumes.immutable: {volume.path!r} holds {context.destination}, where builds go",
            where=pyproject,
            hint="Name a folder of its own.",
        )
    _refuse_link_out(context, volume, source)
    role = volume_role(volume.mount)
    image = folder / f"{context.stem}-{role.replace(':/', '-').replace('/', '-')}.squashfs"
    inputs = write_volume(source, image, context.settings.compression, allow=context.harmless)
    files = scan(source) if source.is_dir() else [Entry(source.name, "file", 0o644, source)]
    context.warn(*(f"volume {volume.mount}: {each}" for each in lfs_pointers(files)))
    return Image.of(role, image, mount=volume.mount, inputs=inputs)


def _refuse_link_out(context: BuildContext, volume: ImmutableVolume, source: Path) -> None:
    """Refuse a path that only a link leads out of the project; one that says so itself (``../shared``) is meant."""
    root = context.project.root
    said = Path(volume.path).expanduser()
    says_so = said.is_absolute() or ".." in said.parts
    allowed = any(fnmatch(volume.path, pattern) for pattern in context.settings.allow_links)
    if not (says_so or allowed or source.resolve().is_relative_to(root.resolve())):
        raise ProjectError(
            f"A link leads out of the project, and what it leads to would be published: {volume.path} -> "
            f"{source.resolve()}",
            where=str(root),
            hint=f'Put the files into the project, or allow the link:\n\n[tool.aleph]\nallow-links = ["{volume.path}"]',
        )


def write_volume(source: Path, image: Path, compression: Compression, *, allow: Sequence[str] = ()) -> str:
    """Write the image of a volume, and return the digest of what went into it.

    Args:
        source: A folder, a file, or an image, which is copied as it is.
        image: Where to.
        compression: Of the image.
        allow: Files that only look like secrets by their names.

    Raises:
        ProjectError: A file is a secret by its name, or a link leads out of the volume.
        ImageError: The image cannot be written, or one that is taken as it is cannot be read.
    """
    try:
        if source.is_file() and _is_image(source):
            verify(source)
            shutil.copyfile(source, image)
            return hash_file(image).sha256
        entries = _entries(source, allow)
        digest = _digest(compression, entries)
        options = Options(codec=compression.codec, level=compression.level, time=time_of(digest))
        write_image(entries, image, options, sha256=False)
    except (SquashfsError, OSError) as error:
        raise ImageError(f"The volume of {source} cannot be packed: {error}", where=str(source)) from error
    return digest


def _is_image(source: Path) -> bool:
    with source.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def _entries(source: Path, allow: Sequence[str]) -> list[Entry]:
    """Return what is in a volume: the files of a folder but for what development leaves there, or one file."""
    if source.is_dir():
        entries = [entry for entry in scan(source) if not JUNK.intersection(entry.path.split("/"))]
    else:
        entries = [Entry(source.name, "file", 0o644, source)]
    outside = [entry.path for entry in entries if entry.kind == "symlink" and _leads_out(entry)]
    if outside:
        raise ProjectError(
            f"Links lead out of the volume, where the program would not find what they lead to: {', '.join(outside)}",
            where=str(source),
            hint="Put the files into the folder.",
        )
    check_entries(entries, allow, where=str(source))
    return entries


def _leads_out(link: Entry) -> bool:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(link.path), link.target or ""))
    return target.startswith(("/", ".."))


def _digest(compression: Compression, entries: Sequence[Entry]) -> str:
    head = f"volume {FORMAT} {compression.codec} {library_version(compression.codec)} {compression.level}\n"
    digest = hashlib.sha256(head.encode())
    for entry in sorted(entries, key=lambda each: each.path):
        content = entry.target if entry.kind == "symlink" else entry.sha256() if entry.kind == "file" else entry.kind
        digest.update(f"{entry.path!r} {entry.mode:o} {content}\n".encode())
    return digest.hexdigest()
