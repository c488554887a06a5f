"""What the build baked in beside the adapter, and where the images are."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import NamedTuple


class Configuration(NamedTuple):
    """Constants of one program.

    Attributes:
        seconds: The message's ``resources.seconds``: how long the host waits for an answer.
        interface: ``auto``, ``asgi``, ``asgi2``, ``wsgi`` or ``executable``.
        packages: Inputs digest of the packages image that the code was built with; empty for none.
        port: Where an executable listens.
        code_root: Folder of the code image.
        packages_root: Folder of the packages image.
    """

    seconds: float = 30.0
    interface: str = "auto"
    packages: str = ""
    port: int = 8080
    code_root: str = "/opt/code"
    packages_root: str = "/opt/packages"


def read_configuration() -> Configuration:
    """Read the generated module ``_settings``; what it does not say has its default.

    ``ALEPH_CODE_ROOT`` and ``ALEPH_PACKAGES_ROOT`` tell the real places on a host that cannot mount at
    the guest's own.
    """
    try:
        said = vars(importlib.import_module(f"{__package__}._settings"))
    except ModuleNotFoundError:
        said = {}
    defaults = Configuration()
    return Configuration(
        seconds=float(said.get("SECONDS", defaults.seconds)),
        interface=str(said.get("INTERFACE", defaults.interface)),
        packages=str(said.get("PACKAGES", defaults.packages)),
        port=int(said.get("PORT", defaults.port)),
        code_root=os.environ.get("ALEPH_CODE_ROOT") or str(Path(__file__).parent.parent),
        packages_root=os.environ.get("ALEPH_PACKAGES_ROOT", defaults.packages_root),
    )


def built_with_other_packages(configuration: Configuration) -> bool:
    """Tell whether the mounted packages are not those that the code was built with."""
    if not configuration.packages:
        return False
    try:
        found = Path(configuration.packages_root, ".aleph", "inputs").read_text(encoding="utf-8").strip()
    except OSError:
        return True
    return found != configuration.packages
