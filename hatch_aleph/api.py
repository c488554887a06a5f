"""What may be imported from outside: building, artifacts, plans and their application, the client of nodes, plugins.

The image format, the local node and the local host have doors of their own: :mod:`hatch_aleph.squashfs`,
:mod:`hatch_aleph.local.node`, :mod:`hatch_aleph.local.host`. What none of these names may change without notice. Names
are loaded when they are first asked for; those of the network and the local host need ``hatch-aleph[deploy]``.
"""

# ruff: noqa: PLC0414 - type checkers take a name for exported that is imported as itself

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.lazy import door

if TYPE_CHECKING:
    from hatch_aleph.artifact import Artifact as Artifact
    from hatch_aleph.artifact import Distribution as Distribution
    from hatch_aleph.artifact import Image as Image
    from hatch_aleph.artifact import Manifest as Manifest
    from hatch_aleph.build import build_artifact as build_artifact
    from hatch_aleph.deploy.apply import Deployer as Deployer
    from hatch_aleph.deploy.apply import Outcome as Outcome
    from hatch_aleph.deploy.deployment import Deployment as Deployment
    from hatch_aleph.deploy.plan import Plan as Plan
    from hatch_aleph.deploy.session import Session as Session
    from hatch_aleph.errors import AccountError as AccountError
    from hatch_aleph.errors import ArtifactError as ArtifactError
    from hatch_aleph.errors import DependencyError as DependencyError
    from hatch_aleph.errors import GuestError as GuestError
    from hatch_aleph.errors import HatchAlephError as HatchAlephError
    from hatch_aleph.errors import HealthError as HealthError
    from hatch_aleph.errors import ImageError as ImageError
    from hatch_aleph.errors import NetworkError as NetworkError
    from hatch_aleph.errors import PlanError as PlanError
    from hatch_aleph.errors import PluginError as PluginError
    from hatch_aleph.errors import ProjectError as ProjectError
    from hatch_aleph.errors import RejectedError as RejectedError
    from hatch_aleph.errors import SettingsError as SettingsError
    from hatch_aleph.errors import UsageError as UsageError
    from hatch_aleph.hookspecs import hookimpl as hookimpl
    from hatch_aleph.local.serve import serve_network as serve_network
    from hatch_aleph.network.accounts import Account as Account
    from hatch_aleph.network.accounts import create_account as create_account
    from hatch_aleph.network.accounts import load_account as load_account
    from hatch_aleph.network.client import NodeClient as NodeClient
    from hatch_aleph.plugins import Publication as Publication
    from hatch_aleph.project import Project as Project
    from hatch_aleph.project import load_project as load_project
    from hatch_aleph.runtimes import Runtime as Runtime
    from hatch_aleph.settings import PublishSettings as PublishSettings
    from hatch_aleph.settings import Settings as Settings
    from hatch_aleph.settings import load_settings as load_settings
    from hatch_aleph.squashfs import Entry as Entry

__getattr__, __dir__, __all__ = door(
    __name__,
    {
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
        "network.accounts": "Account create_account load_account",
        "network.client": "NodeClient",
        "plugins": "Publication",
        "project": "Project load_project",
        "runtimes": "Runtime",
        "settings": "PublishSettings Settings load_settings",
        "squashfs": "Entry",
    },
    package="hatch_aleph",
)
