"""What the command line of an executable names: its program, and the files and modules that this is given to run."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from hatch_aleph.settings.entry_points import parse_entrypoint

# Servers of Python applications, which are given `module:attribute`.
SERVERS = frozenset(("uvicorn", "gunicorn", "hypercorn", "granian", "daphne"))
PYTHON = re.compile(r"python(3(\.\d+)?)?")
_APPLICATION = re.compile(r"(?!python:|unix:)[^\W\d][\w.]*:[^\W\d][\w.]*(\(.*\))?")  # no configuration, no socket
_MOVES = ("--app-dir", "--chdir", "--pythonpath", "--working-dir")  # modules are then looked up elsewhere
_WITH_VALUE = ("-X", "-W", "--check-hash-based-pycs")  # Python's options that take the next word


@dataclass(frozen=True)
class Command:
    """A command line, as far as it names parts of the project.

    Attributes:
        program: Its first word.
        file: A script that Python is given; "" for none.
        module: A module that Python is to run by ``-m``; "" for none.
        application: The ``module:attribute`` that a server is given; "" for none.
        others: All that may be a file besides: a configuration, what another interpreter runs.
    """

    program: str = ""
    file: str = ""
    module: str = ""
    application: str = ""
    others: tuple[str, ...] = field(default=(), compare=False)


def read_command(line: str) -> Command:
    """Read a command line, split as a shell would split it.

    Raises:
        ValueError: For a quotation that does not end, or an application that is none.
    """
    words = shlex.split(line)
    if not words:
        return Command()
    others = tuple(word.rpartition("=")[2] if word.startswith("-") else word for word in words[1:])
    return replace(_read(words), others=others)


def _read(words: list[str]) -> Command:
    program, rest = words[0], words[1:]
    name = PurePosixPath(program).name
    if name in SERVERS:
        return Command(program, application=_application(rest))
    if not PYTHON.fullmatch(name):
        return Command(program)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "-m":
            module = rest.pop(0) if rest else ""
            return Command(program, module=module, application=_application(rest) if module in SERVERS else "")
        if option in ("-c", "-"):
            return Command(program)
        if option in _WITH_VALUE and rest:
            rest.pop(0)
    return Command(program, file=rest[0] if rest else "")


def _application(words: list[str]) -> str:
    if any(word.startswith(_MOVES) for word in words):
        return ""
    found = next((word for word in words if _APPLICATION.fullmatch(word)), "")
    if found:
        parse_entrypoint(found)
    return found
