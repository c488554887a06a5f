"""The local host: runs programs from their images as the network's guest does, so that what fails there fails here.

``Machine`` is one running program, ``Host`` answers for many over HTTP and takes them from a node, ``smoke`` and
``serve_images`` run images that were just built, ``measure_imports`` tells what a cold start costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.lazy import door

if TYPE_CHECKING:
    from .failures import CrashedError as CrashedError
    from .failures import StartError as StartError
    from .guest_api import GuestApi as GuestApi
    from .host import Host as Host
    from .import_costs import ImportCost as ImportCost
    from .import_costs import Imports as Imports
    from .import_costs import by_package as by_package
    from .import_costs import measure_imports as measure_imports
    from .import_costs import unused_packages as unused_packages
    from .machine import Machine as Machine
    from .places import Place as Place
    from .places import is_runtimes_platform as is_runtimes_platform
    from .places import place_here as place_here
    from .program_server import Observer as Observer
    from .program_server import ProgramServer as ProgramServer
    from .program_server import serve_images as serve_images
    from .program_specs import built as built
    from .program_specs import published as published
    from .source import Source as Source
    from .spec import Answer as Answer
    from .spec import Limits as Limits
    from .spec import ProgramSpec as ProgramSpec
    from .spec import VolumeSpec as VolumeSpec
    from .standby import Standby as Standby
    from .standby import boot_ahead as boot_ahead
    from .trial_run import smoke as smoke

# The web server and the codec of the wire are not in the base install.
__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "failures": "CrashedError StartError",
        "guest_api": "GuestApi",
        "host": "Host",
        "import_costs": "ImportCost Imports by_package measure_imports unused_packages",
        "machine": "Machine",
        "places": "Place is_runtimes_platform place_here",
        "program_server": "Observer ProgramServer serve_images",
        "program_specs": "built published",
        "source": "Source",
        "spec": "Answer Limits ProgramSpec VolumeSpec",
        "standby": "Standby boot_ahead",
        "trial_run": "smoke",
    },
)
