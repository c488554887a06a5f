"""What to start for an executable: its command line and its environment."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .configuration import Configuration


def command_line(line: str, code_root: str, search_path: str) -> list[str]:
    """Split the entrypoint into the arguments of a process.

    The first word is a file of the code image, else a command on the path. An image cannot be changed, so a file
    that lacks its executable bit is started by its interpreter, or from a copy.

    Raises:
        LookupError: When there is neither such a file nor such a command.
    """
    words = shlex.split(line)
    if not words:
        raise LookupError("the entrypoint of an executable is empty")
    path = Path(code_root, words[0])
    if path.is_file():
        return [*_start(path), *words[1:]]
    found = shutil.which(words[0], path=search_path)
    if found is None:
        message = f"{words[0]!r} is neither a file of the code image nor a command that the runtime has"
        raise LookupError(message)
    return [found, *words[1:]]


def _start(path: Path) -> list[str]:
    with path.open("rb") as file:
        first = file.readline(512)
    scripted, binary = first.startswith(b"#!"), first.startswith(b"\x7fELF")
    if os.access(path, os.X_OK) and (scripted or binary):
        return [str(path)]
    if scripted:
        return [*os.fsdecode(first[2:].strip()).split(None, 1), str(path)]
    if not binary:
        return [sys.executable or "python3" if path.suffix == ".py" else "/bin/sh", str(path)]
    copy = Path(tempfile.mkdtemp(prefix="aleph-"), path.name)
    shutil.copyfile(path, copy)
    copy.chmod(0o755)
    return [str(copy)]


def environment(configuration: Configuration) -> dict[str, str]:
    """Give the environment of the process: its port, and the images on its paths.

    The init's own PYTHONPATH comes last, so the packages win over what the image has.
    """
    code, packages = configuration.code_root, configuration.packages_root
    given = dict(os.environ)
    return {
        **given,
        "PORT": str(configuration.port),
        "PATH": _joined(f"{packages}/bin", f"{code}/bin", given.get("PATH", os.defpath)),
        "PYTHONPATH": _joined(code, packages, given.get("PYTHONPATH", "")),
        "PYTHONUNBUFFERED": given.get("PYTHONUNBUFFERED", "1"),
    }


def _joined(*parts: str) -> str:
    return os.pathsep.join(filter(None, parts))
