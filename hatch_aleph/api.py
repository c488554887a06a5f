"""What may be imported from outside: building, artifacts, plans and their application, the client of nodes, plugins.

The image format, the local node and the local host have doors of their own: :mod:`hatch_aleph.squashfs`,
:mod:`hatch_aleph.local.node`, :mod:`hatch_aleph.local.host`. What none of these names may change without notice. Names
are loaded when they are first asked for; those of the network and the local host need ``hatch-aleph[deploy]``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatch_aleph.artifact import Artifact, Distribution, Image, Manifest
    from hatch_aleph.build import build_artifact
    from hatch_aleph.deploy.apply import Deployer, Outcome
    from hatch_aleph.deploy.deployment import Deployment
    from hatch_aleph.deploy.plan import Plan
    from hatch_aleph.deploy.session import Session
    from hatch_aleph.errors import (
        AccountError,
        ArtifactError,
        DependencyError,
        GuestError,
        HatchAlephError,
        HealthError,
        ImageError,
        NetworkError,
        PlanError,
        PluginError,
        ProjectError,
        RejectedError,
        SettingsError,
        UsageError,
    )
    from hatch_aleph.hookspecs import hookimpl
    from hatch_aleph.local.serve import serve_network
    from hatch_aleph.network import Account, NodeClient, create_account, load_account
    from hatch_aleph.plugins import Publication
    from hatch_aleph.project import Project, load_project
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import PublishSettings, Settings, load_settings
    from hatch_aleph.squashfs import Entry

__all__ = [
    "Account",
    "AccountError",
    "Artifact",
    "ArtifactError",
    "DependencyError",
    "Deployer",
    "Deployment",
    "Distribution",
    "Entry",
    "GuestError",
    "HatchAlephError",
    "HealthError",
    "Image",
    "ImageError",
    "Manifest",
    "NetworkError",
    "NodeClient",
    "Outcome",
    "Plan",
    "PlanError",
    "PluginError",
    "Project",
    "ProjectError",
    "Publication",
    "PublishSettings",
    "RejectedError",
    "Runtime",
    "Session",
    "Settings",
    "SettingsError",
    "UsageError",
    "build_artifact",
    "create_account",
    "hookimpl",
    "load_account",
    "load_project",
    "load_settings",
    "serve_network",
]

_HOMES = {
    "artifact": "Artifact Distribution Image Manifest",
    "build": "build_artifact",
    "deploy.apply": "Deployer Outcome",
    "deploy.deployment": "Deployment",
    "deploy.plan": "Plan",
    "deploy.session": "Session",
    "errors": (
        "AccountError ArtifactError DependencyError GuestError HatchAlephError HealthError ImageError "
        "NetworkError PlanError PluginError ProjectError RejectedError SettingsError UsageError"
    ),
    "hookspecs": "hookimpl",
    "local.serve": "serve_network",
    "network": "Account NodeClient create_account load_account",
    "plugins": "Publication",
    "project": "Project load_project",
    "runtimes": "Runtime",
    "settings": "PublishSettings Settings load_settings",
    "squashfs": "Entry",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"hatch_aleph.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
