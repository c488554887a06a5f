"""Packages whose names are loaded when they are first asked for: importing such a package costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def door(
    name: str, homes: Mapping[str, str], *, package: str = ""
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a module.

    Type checkers see what it imports for them alone, each name ``as`` itself; a test holds the two together.

    Args:
        name: Of the module.
        homes: The names that it gives, with blanks between, by the module that defines them.
        package: What holds those modules; by default the module itself.
    """
    home_of = {each: home for home, names in homes.items() for each in names.split()}
    exported = sorted(home_of)

    def load(each: str) -> Any:
        if each not in home_of:
            raise AttributeError(f"module {name!r} has no attribute {each!r}")
        return getattr(import_module(f"{package or name}.{home_of[each]}"), each)

    return load, lambda: exported, exported
