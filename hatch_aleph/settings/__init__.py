"""``[tool.aleph]`` as typed models: profiles, validation that names keys and suggests, JSON schema.

Names are loaded when they are first used: to make the models alone takes a tenth of a small command.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatch_aleph.settings.load import load_settings
    from hatch_aleph.settings.model import (
        Compression,
        EphemeralVolume,
        Health,
        ImmutableVolume,
        Payment,
        PersistentVolume,
        PublishSettings,
        Secrets,
        Settings,
        Volumes,
    )
    from hatch_aleph.settings.rules import CODE_MOUNT, PACKAGES_MOUNT

__all__ = [
    "CODE_MOUNT",
    "PACKAGES_MOUNT",
    "Compression",
    "EphemeralVolume",
    "Health",
    "ImmutableVolume",
    "Payment",
    "PersistentVolume",
    "PublishSettings",
    "Secrets",
    "Settings",
    "Volumes",
    "load_settings",
]
_HOME = {"load_settings": "load", "CODE_MOUNT": "rules", "PACKAGES_MOUNT": "rules"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'model')}"), name)
