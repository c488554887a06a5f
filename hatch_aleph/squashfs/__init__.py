"""Squashfs images from Python: write, list, unpack, verify.

A package that knows nothing of its surroundings. Submodules are imported when a name is asked for: reading costs a
writer nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .checking import Report as Report
    from .checking import verify as verify
    from .entries import Entry as Entry
    from .entries import scan as scan
    from .errors import SquashfsError as SquashfsError
    from .options import Options as Options
    from .options import Summary as Summary
    from .reader import Member as Member
    from .reader import list_image as list_image
    from .segments import Segment as Segment
    from .unpacking import unpack as unpack
    from .writer import Group as Group
    from .writer import write_image as write_image
    from .writer import write_segment as write_segment

_NAMES = {
    "checking": "Report verify",
    "entries": "Entry scan",
    "errors": "SquashfsError",
    "options": "Options Summary",
    "reader": "Member list_image",
    "segments": "Segment",
    "unpacking": "unpack",
    "writer": "Group write_image write_segment",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
