# ruff: noqa: INP001 - no package: Python itself looks for this name
"""Let a Python process that the app starts import from the packs, as the app does; then whatever stands behind this.

The folder of this file stands last in ``PYTHONPATH``, so a ``sitecustomize`` of the app's own is taken in its place.
"""

from __future__ import annotations

import importlib
import os
import sys


def _set_up() -> None:
    folder = __file__.rpartition("/")[0]
    entry, name = folder.rpartition("/")[0], folder.split("/")[-2]
    sys.path[:] = [path for path in sys.path if path != folder]
    try:
        packed = importlib.import_module(f"{name}.packed_modules")
        if packed.__file__ == f"{entry}/packed_modules.py":
            packed.install(os.environ.get("ALEPH_PACKAGES_ROOT", "/opt/packages"))
    except ImportError:  # a path that does not hold the adapter
        pass
    own = sys.modules.pop("sitecustomize")
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError:
        sys.modules["sitecustomize"] = own


_set_up()
