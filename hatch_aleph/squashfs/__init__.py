"""Squashfs images from Python: write, list, unpack, verify.

A package that knows nothing of its surroundings. The writer is ours; reading goes through a library of others, so that
the two check each other. Submodules are imported when a name is asked for: reading costs a writer nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .checking import Report, verify
    from .entries import Entry, scan
    from .errors import SquashfsError
    from .options import Options, Summary
    from .reader import Member, list_image
    from .segments import Segment
    from .unpacking import unpack
    from .writer import Group, write_image, write_segment

__all__ = [
    "Entry",
    "Group",
    "Member",
    "Options",
    "Report",
    "Segment",
    "SquashfsError",
    "Summary",
    "list_image",
    "scan",
    "unpack",
    "verify",
    "write_image",
    "write_segment",
]

_HOMES = {
    "Entry": "entries",
    "Group": "writer",
    "Member": "reader",
    "Options": "options",
    "Report": "checking",
    "Segment": "segments",
    "SquashfsError": "errors",
    "Summary": "options",
    "list_image": "reader",
    "scan": "entries",
    "unpack": "unpacking",
    "verify": "checking",
    "write_image": "writer",
    "write_segment": "writer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
