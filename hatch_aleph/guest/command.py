"""What to start for an executable: its command line and its environment."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .interpreter_setup import child_paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .configuration import Configuration


# $NAME, ${NAME} and ${NAME:-default}
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")


def command_line(line: str, code_root: str, variables: Mapping[str, str]) -> list[str]:
    """Split the entrypoint into the arguments of a process.

    The first word is a file of the code image, else a command on the path. An image cannot be changed, so a file
    that lacks its executable bit is started by its interpreter, or from a copy.

    Args:
        line: The entrypoint.
        code_root: Folder of the code image.
        variables: The process's environment: its variables are expanded, in every word. What they do not hold is left
            as it stands: it may be meant for a shell that the line starts.

    Raises:
        LookupError: When there is neither such a file nor such a command.
    """
    words = [_expand(word, variables) for word in shlex.split(line)]
    if not words:
        raise LookupError("the entrypoint of an executable is empty")
    path = Path(code_root, words[0])
    if path.is_file():
        return [*_start(path), *words[1:]]
    found = shutil.which(words[0], path=variables["PATH"])
    if found is None:
        message = f"{words[0]!r} is neither a file of the code image nor a command that the runtime has"
        raise LookupError(message)
    return [found, *words[1:]]


def _expand(word: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name, default = match[1] or match[2], match[3]
        return variables.get(name) or (match[0] if default is None else default)

    return _VARIABLE.sub(value, word)


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
    """Give the environment of the process: its port, and the images on its paths."""
    return {
        "PYTHONUNBUFFERED": "1",
        **os.environ,
        "PORT": str(configuration.port),
        **child_paths(configuration.code_root, configuration.packages_root),
    }
