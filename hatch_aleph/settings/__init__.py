"""``[tool.aleph]`` as typed models: profiles, validation that names keys and suggests, JSON schema."""

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
