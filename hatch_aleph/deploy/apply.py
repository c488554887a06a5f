"""Carry out a deployment: volumes, program, health, and only then the end of what was there before."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hatch_aleph.deploy.applying import Applying, Outcome
from hatch_aleph.deploy.checks import check_acceptable, check_by_hooks, check_paid
from hatch_aleph.deploy.health import Health
from hatch_aleph.deploy.journal import Journal
from hatch_aleph.deploy.observer import Observer, Silent
from hatch_aleph.deploy.overlap import check_no_rival
from hatch_aleph.deploy.plan import Plan, check_reviewed
from hatch_aleph.deploy.sender import PATIENCE
from hatch_aleph.deploy.session import DEFAULT_CHANNEL, Opener
from hatch_aleph.errors import PlanError
from hatch_aleph.hookspecs import hooks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.deploy.target import Target
    from hatch_aleph.network.accounts import Account


@dataclass(frozen=True)
class Options:
    """How a deployment is carried out.

    Attributes:
        confirm: Is shown the plan; False ends it before anything is sent.
        inspect: Looks through the artifact for what must not be published; raises.
        smoke: Runs the artifact's program here before its first publish; raises.
        reviewed: Checksum of the plan that was reviewed.
        rollback: Put back what was there when the program does not answer.
        allow_data_loss: Replace a program though its persistent volumes are lost.
        patience: Seconds to wait for a message to be processed.
    """

    confirm: Callable[[Plan], bool] = lambda _plan: True
    inspect: Callable[[Artifact], None] | None = None
    smoke: Callable[[Artifact], None] | None = None
    reviewed: str | None = None
    rollback: bool = True
    allow_data_loss: bool = False
    patience: float = PATIENCE


@dataclass
class Deployer:
    """Deploys artifacts to a target.

    Attributes:
        target: Where.
        account: Who signs.
        folder: Where the journal lies, usually ``.aleph`` in the project.
        options: How.
        health: Polls the program.
        observer: Is told of each step.
        clock: Seconds since 1970.
        journal: Opens the journal.
        hooks: Plugins that look at the plan and are told of publishing.
    """

    target: Target
    account: Account
    folder: Path
    options: Options = field(default_factory=Options)
    health: Health = field(default_factory=Health)
    observer: Observer = field(default_factory=Silent)
    clock: Callable[[], float] = time.time
    journal: Callable[[Path, str, str], Journal] = Journal
    hooks: Any = field(default_factory=hooks)

    def deploy(self, artifact: Artifact) -> Outcome:
        """Make an artifact what is live.

        Raises:
            PlanError: It cannot, or not safely, be done; nothing was sent.
            RejectedError: The network refuses a message.
            NetworkError: The node is out of reach; the journal has what is open, the next run goes on.
            HealthError: The program does not answer; what was there before has been put back, if there was something.
        """
        manifest = artifact.manifest
        opener = Opener(
            self.target,
            self.account,
            self.folder,
            channel=str(manifest.settings.get("channel") or DEFAULT_CHANNEL),
            observer=self.observer,
            clock=self.clock,
            patience=self.options.patience,
            journal=self.journal,
        )
        with opener.open() as session:
            state = self.target.state()
            plan = self.target.decide(manifest, state)
            if not plan.has_changes and session.journal.run is None:
                check_paid(state)
                session.sender.drop_leftovers()
                item_hash = plan.program.item_hash or ""
                return Outcome(plan, item_hash, self.target.urls(item_hash), session.resumed)
            check_no_rival(plan, state, session.journal, now=self.clock())
            plan = self.target.told(plan, manifest, state)
            self._check(artifact, plan)
            return Applying(self, artifact, plan, state, session)()

    def _check(self, artifact: Artifact, plan: Plan) -> None:
        """Do everything that can fail before anything is sent."""
        if self.options.reviewed is not None:
            check_reviewed(plan, self.options.reviewed, where=plan.tag)
        plan.check_safe(allow_data_loss=self.options.allow_data_loss)
        check_acceptable(plan, artifact.manifest, now=self.clock())
        check_by_hooks(self.hooks, artifact, plan)
        verify_images(artifact, plan)
        if plan.publishes and self.options.inspect:
            self.observer.step("scan")
            self.options.inspect(artifact)
        if not self.options.confirm(plan):
            raise PlanError("the plan was not confirmed; nothing was sent", where=plan.tag)
        if plan.publishes and self.options.smoke:
            self.observer.step("smoke")
            self.options.smoke(artifact)
            self.observer.done("smoke")
        self.hooks.aleph_before_publish(artifact=artifact)


def verify_images(artifact: Artifact, plan: Plan) -> None:
    """Check the images against the manifest; one that the network has already may be missing here.

    Raises:
        ArtifactError: An image that is to be sent is missing, or one has other bytes than the manifest says.
    """
    artifact.verify(absent=tuple(step.role for step in plan.images if not step.upload))
