"""What the commands of a deployment share: options, the artifact, the target."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hatch_aleph.errors import AccountError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.cli.options import Common
    from hatch_aleph.deploy.deployment import Deployment, PublishedImages
    from hatch_aleph.deploy.health import HealthCheck
    from hatch_aleph.deploy.plan import Plan
    from hatch_aleph.deploy.session import Opener
    from hatch_aleph.network.client import NodeClient

Function = TypeVar("Function", bound="Callable[..., Any]")

_ARTIFACT = (
    click.option(
        "--dist", type=click.Path(path_type=Path, file_okay=False), help="Folder of the artifact. [default: dist]"
    ),
    click.option("--no-build", is_flag=True, help="Take the artifact as it lies in the folder."),
    click.option("--locked", is_flag=True, help="Fail when the lock does not fit the project any more."),
    click.option("--offline", is_flag=True, help="Build from what is cached, ask no index."),
)
_HOST = click.option(
    "--host-url",
    metavar="URL",
    envvar="ALEPH_HOST_URL",
    help="Host to ask for answers, in place of the network's own. Also ALEPH_HOST_URL.",
)
_ADDRESS = click.option("--address", metavar="ADDRESS", help="Owner of the deployment, when no key is at hand.")
_STATE = click.option(
    "--state-folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="ALEPH_STATE_FOLDER",
    help="Folder of the journal. Also ALEPH_STATE_FOLDER. [default: .aleph in the project]",
)


def artifact_options(function: Function) -> Function:
    """Add the options that say which artifact is meant."""
    for option in reversed(_ARTIFACT):
        function = option(function)
    return function


def host_option(function: Function) -> Function:
    """Add ``--host-url``."""
    return _HOST(function)


def address_option(function: Function) -> Function:
    """Add ``--address``."""
    return _ADDRESS(function)


def state_option(function: Function) -> Function:
    """Add ``--state-folder``."""
    return _STATE(function)


def state_folder(shared: Common, folder: Path | None) -> Path:
    """Return where the journal lies."""
    return folder or shared.project_folder / ".aleph"


@dataclass(frozen=True)
class Choice:
    """Which artifact is meant."""

    dist: Path | None
    no_build: bool
    locked: bool
    offline: bool

    def artifact(self, shared: Common, client: NodeClient | None = None, *, address: str | None = None) -> Artifact:
        """Build the artifact, or take it as it is; with a client, what is published already is not built again."""
        from hatch_aleph.artifact import Artifact

        folder = self.dist or shared.project_folder / "dist"
        if self.no_build:
            return Artifact.find(folder)
        from hatch_aleph.build import build_artifact

        project = shared.project()
        return build_artifact(
            project,
            self.dist or project.root / "dist",
            profile=shared.profile,
            notice=shared.output.notice,
            locked=self.locked,
            offline=self.offline,
            published=_published(shared, client, address) if client else None,
        )


def _published(shared: Common, client: NodeClient, address: str | None) -> PublishedImages | None:
    from hatch_aleph.deploy.deployment import PublishedImages

    try:
        target = project_target(shared, client, address=address)
    except AccountError:
        return None
    return PublishedImages(client, target.owner, target.tag)


def plan_keyless(
    shared: Common, artifact: Artifact, client: NodeClient, *, address: str | None, host: str | None
) -> tuple[Plan, Deployment]:
    """Plan without signing: the owner is ``--address``, the settings' ``address``, or that of a key if there is one.

    Without any of these the plan is that of a first deployment.
    """
    from hatch_aleph.deploy.deployment import Deployment

    signer = address
    if signer is None and not artifact.manifest.settings.get("address"):
        try:
            signer = account_of(shared, artifact).address
        except AccountError:
            shared.output.notice(
                "There is no key and no address, so this is the plan of a first deployment (see --address)."
            )
            signer = NOBODY
    target = Deployment.of(artifact.manifest, client, signer, host)
    return target.plan(artifact.manifest), target


def project_target(
    shared: Common, client: NodeClient, *, address: str | None = None, host: str | None = None
) -> Deployment:
    """Return the deployment of the project and profile; ``address`` spares the key when nothing is to be signed."""
    from hatch_aleph.deploy.deployment import Deployment, deployment_tag

    project = shared.project()
    settings = project.settings(shared.profile)
    owner = address or settings.address or shared.account(settings.payment.chain).address
    return Deployment(client, owner, deployment_tag(project.name, shared.profile), host)


def project_health(shared: Common) -> HealthCheck:
    """Return what the project counts as an answer."""
    from hatch_aleph.deploy.health import HealthCheck

    health = shared.project().settings(shared.profile).health
    return HealthCheck(health.path, health.status, health.timeout_seconds)


def opener_of(shared: Common, client: NodeClient, folder: Path | None, host: str | None) -> Opener:
    """Return what opens the project's deployment for changes."""
    from hatch_aleph.cli.steps import Steps
    from hatch_aleph.deploy.session import Opener

    settings = shared.project().settings(shared.profile)
    account = shared.account(settings.payment.chain)
    target = project_target(shared, client, address=settings.address or account.address, host=host)
    return Opener(
        target, account, state_folder(shared, folder), channel=settings.channel, observer=Steps(shared.output)
    )


# Owns nothing and never will: the address of no key.
NOBODY = "0x" + "0" * 40


def account_of(shared: Common, artifact: Artifact) -> Any:
    """Load the account that signs, of the chain that pays unless another is named."""
    payment = dict(artifact.manifest.settings.get("payment") or {})
    return shared.account(str(payment.get("chain") or "ETH"))


def write_summary(text: str) -> None:
    """Add to the page of a CI job, where there is one (GITHUB_STEP_SUMMARY, as GitHub, Gitea and Forgejo have it)."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if file:
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(text)
