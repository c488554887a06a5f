"""What the build baked in beside the adapter, and where the images are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


class Configuration:
    """Constants of one program; what the build left out has its default.

    A plain class: generated ones cost a tenth of our whole import.

    Attributes:
        seconds: The message's ``resources.seconds``: how long the host waits for an answer.
        interface: ``auto``, ``asgi``, ``asgi2``, ``wsgi`` or ``executable``.
        packages: Inputs digest of the packages image that the code was built with; empty for none.
        lazy: Top-level modules whose import is put off until they are used.
        volumes: Mounts of the persistent volumes that are flushed before an answer leaves.
        port: Where an executable listens.
        listens: Whether it ever does; a worker does not.
        code_root: Folder of the code image.
        packages_root: Folder of the packages image.
    """

    def __init__(self, constants: dict[str, Any]) -> None:
        self.seconds = float(constants.get("SECONDS", 30.0))
        self.interface = str(constants.get("INTERFACE", "auto"))
        self.packages = str(constants.get("PACKAGES", ""))
        self.lazy = tuple(constants.get("LAZY", ()))
        self.volumes = tuple(constants.get("VOLUMES", ()))
        self.port = int(constants.get("PORT", 8080))
        self.listens = bool(constants.get("LISTENS", True))
        self.code_root = code_root()
        self.packages_root = os.environ.get("ALEPH_PACKAGES_ROOT", "/opt/packages")


def code_root() -> str:
    """Return the folder of the code image."""
    return os.environ.get("ALEPH_CODE_ROOT") or str(Path(__file__).parent.parent)


def read_configuration() -> Configuration:
    """Read the generated module ``_settings``.

    ``ALEPH_CODE_ROOT`` and ``ALEPH_PACKAGES_ROOT`` tell the real places on a host that cannot mount at
    the guest's own.
    """
    constants: dict[str, Any] = {}
    try:
        text = Path(__file__).with_name("_settings.py").read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    exec(text, constants)  # noqa: S102 - our own file; an import would list the folder first
    return Configuration(constants)


def built_with_other_packages(configuration: Configuration) -> bool:
    """Tell whether the mounted packages are not those that the code was built with."""
    if not configuration.packages:
        return False
    try:
        found = Path(configuration.packages_root, ".aleph", "inputs").read_text(encoding="utf-8").strip()
    except OSError:
        return True
    return found != configuration.packages
