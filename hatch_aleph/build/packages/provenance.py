"""Which files of a packages image an index gave, by the lock and the RECORDs that travel in it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hatch_aleph.build.bytecode import source_path
from hatch_aleph.build.packages.module_pack import FOLDER, INDEX
from hatch_aleph.build.packages.pylock import parse
from hatch_aleph.squashfs.reader import open_image
from hatch_aleph.text import normalize
from hatch_aleph.wheel_file import OWN_FOLDER, InvalidWheelError, record_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def of_an_index(image: Path) -> Callable[[str], bool]:
    """Return what tells whether a file is one of a wheel that the lock names by its hash, or made of such.

    Folders, repositories and files of this machine are no index, and neither is what was built from source here. What
    no RECORD names is nobody's.

    Raises:
        SquashfsError: It is no image.
    """
    with open_image(image) as opened:
        texts = {
            member.path: b"".join(opened.content(inode))
            for member, inode in opened.members()
            if member.kind == "file" and (member.path == f"{OWN_FOLDER}/pylock.toml" or _is_record(member.path))
        }
    try:
        lock = parse(texts.pop(f"{OWN_FOLDER}/pylock.toml", b"").decode())
        names = {normalize(each["name"]) for each in lock.get("packages", ()) if "wheels" in each}
    except (ValueError, KeyError, TypeError):  # another tool's
        return lambda _path: False
    files = {INDEX, *(f"{FOLDER}/{name}" for name in names)}
    for record, text in texts.items():
        if normalize(record.partition("-")[0]) in names:
            files |= _recorded(text)
    return lambda path: path in files or source_path(path) in files


def _is_record(path: str) -> bool:
    return path.endswith(".dist-info/RECORD") and path.count("/") == 1


def _recorded(text: bytes) -> set[str]:
    try:
        return {row[0] for row in record_rows(io.StringIO(text.decode("utf-8", "replace")))}
    except InvalidWheelError:
        return set()
