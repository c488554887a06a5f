"""``[tool.aleph]`` as typed models: profiles, validation that names keys and suggests, JSON schema.

Names are loaded when they are first used: to make the models alone takes a tenth of a small command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.lazy import door

if TYPE_CHECKING:
    from .load import load_settings as load_settings
    from .model import Compression as Compression
    from .model import EphemeralVolume as EphemeralVolume
    from .model import HealthCheck as HealthCheck
    from .model import ImmutableVolume as ImmutableVolume
    from .model import Payment as Payment
    from .model import PersistentVolume as PersistentVolume
    from .model import PublishSettings as PublishSettings
    from .model import Secrets as Secrets
    from .model import Settings as Settings
    from .model import Volumes as Volumes
    from .rules import CODE_MOUNT as CODE_MOUNT
    from .rules import PACKAGES_MOUNT as PACKAGES_MOUNT

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "load": "load_settings",
        "model": "Compression EphemeralVolume HealthCheck ImmutableVolume Payment PersistentVolume PublishSettings "
        "Secrets Settings Volumes",
        "rules": "CODE_MOUNT PACKAGES_MOUNT",
    },
)
