"""Which files of a distribution are left out: the project's globs, and the named prunings."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hatch_aleph.build.bytecode import TEST_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hatch_aleph.squashfs import Entry

_IMPORTS_TESTS = re.compile(rb"^\s*(?:from|import)\s[\w., ]*\btests?\b", re.MULTILINE)
_TYPING = (".pyi", ".pxd", ".pxi", ".pyx", "/py.typed")


def is_test(path: str) -> bool:
    """Tell a file in a folder of tests."""
    return not TEST_FOLDERS.isdisjoint(path.split("/")[:-1])


def is_typing(path: str) -> bool:
    """Tell a file that only type checkers and compilers read."""
    return path.endswith(_TYPING)


RULES: dict[str, Callable[[str], bool]] = {"tests": is_test, "typing": is_typing}


def excluded(path: str, globs: Sequence[str]) -> bool:
    """Tell whether a glob names a file or a folder above it; ``*`` matches across folders."""
    return any(fnmatchcase(path, glob) or fnmatchcase(path, f"{glob.rstrip('/')}/*") for glob in globs)


def select(entries: Sequence[Entry], exclude: Sequence[str], prune: Sequence[str]) -> list[Entry]:
    """Return what is left of a distribution's entries.

    Tests stay when something outside of them imports them: such a distribution would break.
    """
    kept = [entry for entry in entries if not excluded(entry.path, exclude)]
    for name in prune:
        rule = RULES[name]
        if name == "tests" and _tests_are_used(kept):
            continue
        kept = [entry for entry in kept if not rule(entry.path)]
    return kept


def _tests_are_used(entries: Sequence[Entry]) -> bool:
    return any(
        _IMPORTS_TESTS.search(entry.read())
        for entry in entries
        if entry.path.endswith(".py") and not is_test(entry.path)
    )
