"""Links of the project that lead out of it: what they lead to is not what the project's folder shows."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.errors import HatchAlephError, ProjectError
from hatch_aleph.files import SELDOM_READ, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatch_aleph.squashfs import Entry


_TELLING = 32  # so many bytes are not the same by chance, as those of empty modules are


def refuse_links_out(
    root: Path,
    entries: Iterable[Entry],
    allowed: Iterable[str],
    *,
    within: Path | None = None,
    error: type[HatchAlephError] = ProjectError,
) -> None:
    """Refuse files that are in an image because a link of the project, or of a dependency's folder, leads to them.

    Backends follow links without telling, so an entry counts as the link's if it has the same content and lies where
    the link does, whatever folder of the project became the image's root, or lies anywhere and is more than a line.

    Args:
        root: The project's folder, or the dependency's.
        entries: What would go into the image.
        allowed: Globs of links' paths that may lead out.
        within: A larger folder that links may lead to.
        error: What to raise.

    Raises:
        HatchAlephError: Of the class given, with all of them.
    """
    patterns = tuple(allowed)
    entries = list(entries)
    # Large folders that no image holds are not searched; one of which anything travels is.
    passed = SELDOM_READ - {part for entry in entries for part in entry.path.split("/")[:-1]}
    found_out = _links_out(root.resolve(), passed, (within or root).resolve())
    links = [link for link in found_out if not any(fnmatch(link, each) for each in patterns)]
    if not links:
        return
    inside = {entry.path: entry for entry in entries if entry.kind == "file"}
    contents = {entry.sha256() for entry in inside.values()}
    metadata = [entry.read() for path, entry in inside.items() if path.endswith(".dist-info/METADATA")]
    found = [
        link
        for link in links
        if any(
            _is_packed(path, file, inside, contents) or _is_told(file, metadata) for path, file in _behind(root, link)
        )
    ]
    if found:
        told = ", ".join(f"{link} -> {(root / link).resolve()}" for link in found)
        names = ", ".join(f'"{link}"' for link in found)
        raise error(
            f"Links lead out of the project, and what they lead to would be published: {told}",
            where=str(root),
            hint=f"Put the files into the project, or allow the links:\n\n[tool.aleph]\nallow-links = [{names}]",
        )


def refuse_link_as_output(root: Path, destination: Path) -> None:
    """Refuse to write into a folder of the project that a link leads out of it: a repository can bring ``dist`` as one.

    Raises:
        ProjectError: Naming the link and where it leads.
    """
    target = destination.resolve()
    if destination.is_relative_to(root) and not target.is_relative_to(root.resolve()):
        raise ProjectError(
            f"A link leads out of the project, and the artifact would be written there: {destination} -> {target}",
            where=str(root),
            hint="Remove the link, or name the folder itself as the one for the artifact.",
        )


def _links_out(root: Path, passed: frozenset[str], within: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink() and path.exists() and not any(map(path.resolve().is_relative_to, (root, within))):
                yield path.relative_to(root).as_posix()
        folders[:] = [name for name in folders if name not in passed and not Path(folder, name, "pyvenv.cfg").exists()]


def _behind(root: Path, link: str) -> Iterator[tuple[str, Path]]:
    """Yield the files behind a link, with the paths that they have in the project."""
    path = root / link
    if path.is_file():
        yield link, path
        return
    for folder, _, files in os.walk(path):
        for name in files:
            file = Path(folder, name)
            yield file.relative_to(root).as_posix(), file


def _is_told(file: Path, metadata: list[bytes]) -> bool:
    """Tell whether a file's text stands in the metadata, as a readme and a licence do; a short one by itself."""
    if not 0 < file.stat().st_size <= max(map(len, metadata), default=0) + _TELLING:
        return False
    text = file.read_bytes().strip()
    if len(text) >= _TELLING:
        return any(text in each for each in metadata)
    parts = [each.replace(b"\r\n", b"\n").partition(b"\n\n") for each in metadata]
    return bool(text) and any(
        text == readme.strip() or b"License: " + text in head.splitlines() for head, _, readme in parts
    )


def _is_packed(path: str, file: Path, inside: dict[str, Entry], contents: set[str]) -> bool:
    if file.stat().st_size >= _TELLING and sha256_of(file) in contents:
        return True  # under whatever name
    parts = path.split("/")
    candidates = ("/".join(parts[number:]) for number in range(len(parts)))
    packed = [inside[each] for each in candidates if each in inside]
    # Licences travel with the metadata, in whatever folder there.
    packed += [entry for each, entry in inside.items() if ".dist-info/" in each and each.endswith(f"/{parts[-1]}")]
    return any(entry.source == file for entry in packed) or any(entry.sha256() == sha256_of(file) for entry in packed)
