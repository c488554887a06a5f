"""Programs on machines that are not the runtime's platform: the same distributions, in wheels that load here."""

from __future__ import annotations

import dataclasses
import hashlib
import platform
import sys
from typing import TYPE_CHECKING

from hatch_aleph.local.host import cached_folders
from hatch_aleph.local.host.aleph_host_inside import PACKAGES_ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.local.host.spec import ProgramSpec


def with_packages_of_here(spec: ProgramSpec, python: Path, cache: Path) -> ProgramSpec:
    """Return the program with the pinned distributions of its packages image installed for this platform.

    Raises:
        GuestError: One of them cannot be had here.
    """
    if not spec.pins:
        return spec
    parts = (spec.python, sys.platform, platform.machine(), spec.packages_inputs, *spec.pins)
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    # The adapter compares what stands in this file with what the code was built with.
    own_files = {".aleph/inputs": f"{spec.packages_inputs}\n"}
    folder = cached_folders.install_once(python, cache / "packages-here" / key, spec.pins, own_files=own_files)
    volumes = (
        dataclasses.replace(each, image=folder) if each.mount == PACKAGES_ROOT else each for each in spec.volumes
    )
    return dataclasses.replace(spec, volumes=tuple(volumes))
