"""Entry adapter: makes any ASGI or WSGI app behave in the VM as it does under uvicorn or gunicorn.

The build copies these modules into the code image as the package ``aleph_entry``. The guest's init
(``runtimes/aleph-debian-12-python/init1.py`` in aleph-im/aleph-vm) imports that package and asks it for
the attribute that stands after the first colon of the message's entrypoint, so
``aleph_entry:my_api.main:app`` arrives here as ``getattr(aleph_entry, "my_api.main:app")``.

Standard library only, Python 3.9 or later. Importing the package loads nothing but this file.
"""

from __future__ import annotations

import sys
from typing import Any


def __getattr__(name: str) -> Any:
    """Give the app that the guest's init runs for the entrypoint ``name``.

    Raises:
        AttributeError: For names that Python itself looks up.
        LookupError: When the entrypoint names nothing that can be run.
    """
    if name.startswith("_"):
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from .entrypoint import start  # importing the package must have no effect and cost nothing

    return start(name, sys._getframe(1).f_globals.get("__name__", ""))  # noqa: SLF001 - see instruction_reader
