"""The local host: runs programs from their images as the network's guest does, so that what fails there fails here.

``Machine`` is one running program, ``Host`` answers for many over HTTP and takes them from a node, ``smoke`` and
``serve_images`` run images that were just built, ``measure_imports`` tells what a cold start costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_aleph.local.host.spec import Answer, Limits, ProgramSpec, VolumeSpec

if TYPE_CHECKING:
    from hatch_aleph.local.host.failures import CrashedError, StartError
    from hatch_aleph.local.host.guest_api import GuestApi
    from hatch_aleph.local.host.host import Host
    from hatch_aleph.local.host.import_costs import ImportCost, by_package, measure_imports
    from hatch_aleph.local.host.machine import Machine
    from hatch_aleph.local.host.places import is_runtimes_platform, place_here
    from hatch_aleph.local.host.program_server import Observer, ProgramServer, serve_images
    from hatch_aleph.local.host.program_specs import built, published
    from hatch_aleph.local.host.source import Source
    from hatch_aleph.local.host.trial_run import smoke

__all__ = [
    "Answer",
    "CrashedError",
    "GuestApi",
    "Host",
    "ImportCost",
    "Limits",
    "Machine",
    "Observer",
    "ProgramServer",
    "ProgramSpec",
    "Source",
    "StartError",
    "VolumeSpec",
    "built",
    "by_package",
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
    "GuestApi": "guest_api",
    "Host": "host",
    "ImportCost": "import_costs",
    "Machine": "machine",
    "Observer": "program_server",
    "ProgramServer": "program_server",
    "Source": "source",
    "StartError": "failures",
    "built": "program_specs",
    "by_package": "import_costs",
    "is_runtimes_platform": "places",
    "measure_imports": "import_costs",
    "place_here": "places",
    "published": "program_specs",
    "serve_images": "program_server",
    "smoke": "trial_run",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
