"""The local host: runs programs from their images as the network's guest does, so that what fails there fails here.

``Machine`` is one running program, ``Host`` answers for many over HTTP and takes them from a node, ``smoke`` and
``serve_images`` run images that were just built, ``measure_imports`` tells what a cold start costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_aleph.local.host.spec import Answer, Limits, ProgramSpec, VolumeSpec

if TYPE_CHECKING:
    from hatch_aleph.local.host.contents import built, published
    from hatch_aleph.local.host.failures import CrashedError, StartError
    from hatch_aleph.local.host.host import Host
    from hatch_aleph.local.host.machine import Machine
    from hatch_aleph.local.host.measure import ImportCost, measure_imports
    from hatch_aleph.local.host.places import is_runtimes_platform, place_here
    from hatch_aleph.local.host.serve import Observer, ProgramServer, serve_images, smoke

__all__ = [
    "Answer",
    "CrashedError",
    "Host",
    "ImportCost",
    "Limits",
    "Machine",
    "Observer",
    "ProgramServer",
    "ProgramSpec",
    "StartError",
    "VolumeSpec",
    "built",
    "is_runtimes_platform",
    "measure_imports",
    "place_here",
    "published",
    "serve_images",
    "smoke",
]

# Loaded when first asked for: the web server and the codec of the wire are not in the base install.
_LAZY = {
    "CrashedError": "failures",
    "Host": "host",
    "ImportCost": "measure",
    "Machine": "machine",
    "Observer": "serve",
    "ProgramServer": "serve",
    "StartError": "failures",
    "built": "contents",
    "is_runtimes_platform": "places",
    "measure_imports": "measure",
    "place_here": "places",
    "published": "contents",
    "serve_images": "serve",
    "smoke": "serve",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
