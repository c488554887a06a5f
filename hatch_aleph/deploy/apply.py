"""Carry out a deployment: volumes, program, health, and only then the end of what was there before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hatch_aleph.commands import typed
from hatch_aleph.deploy.comparison import program_content
from hatch_aleph.deploy.health import Health, Healthy
from hatch_aleph.deploy.journal import Run
from hatch_aleph.deploy.overlap import GAVE_WAY, check_alone, check_kept, check_no_rival, displaced, find_earlier
from hatch_aleph.deploy.payment import check_acceptable, check_paid
from hatch_aleph.deploy.plan import Plan, check_reviewed
from hatch_aleph.deploy.preflight import check_by_plugins, check_content_of, check_permitted
from hatch_aleph.deploy.state import image_notes, just_amended, keeping, newest_amends
from hatch_aleph.errors import HealthError, PlanError
from hatch_aleph.network.messages import store_content
from hatch_aleph.plugins import PLUGINS, Plugins, Publication, publishing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatch_aleph.artifact import Artifact, Image
    from hatch_aleph.deploy.deployment import Deployment
    from hatch_aleph.deploy.outbox import Outbox
    from hatch_aleph.deploy.plan import ImageStep, Plan
    from hatch_aleph.deploy.session import Session
    from hatch_aleph.deploy.state import State, Version
    from hatch_aleph.network.accounts import Account
    from hatch_aleph.network.executions import Execution


@dataclass(frozen=True)
class Options:
    """How a deployment is carried out.

    Attributes:
        confirm: Is shown the plan; raises if it is not to be.
        inspect: Looks through the artifact for what must not be published; raises. Without it the key that signs is
            looked for all the same.
        smoke: Runs the artifact's program here before its first publish; raises.
        reviewed: Checksum of the plan that was reviewed.
        rollback: Put back what was there when the program does not answer.
        allow_data_loss: Replace a program though its persistent volumes are lost.
        take_domains: Move domains that lead to another program of the owner.
    """

    confirm: Callable[[Plan], None] = lambda _plan: None
    inspect: Callable[[Artifact, Account], None] | None = None
    smoke: Callable[[Artifact], None] | None = None
    reviewed: str | None = None
    rollback: bool = True
    allow_data_loss: bool = False
    take_domains: bool = False


@dataclass
class Deployer:
    """Deploys artifacts.

    Attributes:
        deployment: Where.
        session: Who signs.
        options: How.
        health: Polls the program.
        plugins: They look at the plan and are told of publishing.
    """

    deployment: Deployment
    session: Session
    options: Options = field(default_factory=Options)
    health: Health = field(default_factory=Health)
    plugins: Plugins = PLUGINS

    def deploy(self, artifact: Artifact) -> Outcome:
        """Make an artifact what is live.

        Raises:
            PlanError: It cannot, or not safely, be done; nothing was sent.
            RejectedError: The network refuses a message.
            NetworkError: The node is out of reach; the journal has what is open, the next run goes on.
            HealthError: The program does not answer; what was there before has been put back, if there was something.
        """
        manifest, deployment = artifact.manifest, self.deployment
        with self.session.deploying(deployment.tag, deployment.channel) as outbox:
            state = deployment.state()
            plan = deployment.diff(manifest, state)
            if not plan.has_changes and outbox.journal.run is None:
                check_paid(state)
                outbox.discard_unsent()
                item_hash = plan.program.item_hash or ""
                return Outcome(plan, item_hash, deployment.hosts.urls(item_hash), outbox.resumed)
            check_no_rival(plan, state, outbox.journal, now=self.session.clock())
            plan = deployment.with_costs_and_warnings(plan, manifest, state)
            content = self._check(artifact, plan)
            publication = Publication("deploy", plan.owner, plan.node, plan.program.item_hash, content, artifact)
            with publishing(publication, self.plugins) as answers:
                return Application(self, artifact, plan, state, outbox, answers=answers)()

    def _check(self, artifact: Artifact, plan: Plan) -> dict[str, Any]:
        """Do everything that can fail before anything is sent; return the content of the program, as far as known."""
        if self.options.reviewed is not None:
            check_reviewed(plan, self.options.reviewed, where=plan.tag)
        options = self.options
        plan.check_safe(allow_data_loss=options.allow_data_loss, take_domains=options.take_domains)
        check_acceptable(plan, artifact.manifest, now=self.session.clock())
        if plan.domains:
            from hatch_aleph.network.domains import KEY

            session, channel = self.session, self.deployment.channel
            check_permitted(session.client, session.account, plan.owner, ("AGGREGATE",), channel, key=KEY)
        content = check_content_of(self.session.client, plan, artifact.manifest)
        check_by_plugins(self.plugins, artifact, plan)
        # What the network has already may be missing here.
        artifact.verify(absent=tuple(step.role for step in plan.images if not step.upload))
        if plan.publishes:
            from hatch_aleph.deploy.secrets import check_own_key

            self.session.observer.step("scan")
            (self.options.inspect or check_own_key)(_outgoing(artifact, plan), self.session.account)
        if plan.publishes and self.session.origin:
            noted = ", ".join(f"{name} {value}" for name, value in self.session.origin.items())
            self.session.notice(f"Its messages note where the release comes from: {noted}")
        self.options.confirm(plan)
        if plan.publishes and self.options.smoke:
            self.session.observer.step("smoke")
            self.options.smoke(artifact)
            self.session.observer.done("smoke")
        return content


def _outgoing(artifact: Artifact, plan: Plan) -> Artifact:
    """Return what of an artifact is published anew: to search what has been public for long takes seconds."""
    sent = {step.role for step in plan.images if step.sends}
    images = tuple(image for image in artifact.manifest.images if image.role in sent)
    return replace(artifact, manifest=replace(artifact.manifest, images=images))


SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Outcome:
    """What a deployment has come to.

    Attributes:
        plan: What was carried out.
        item_hash: Of the program.
        urls: Where it answers, the one that was asked first.
        resumed: Messages of an earlier run that were awaited.
        sent: Type and item hash of each message that was delivered.
        answer: What it answered; None when nothing had to be done.
        release: The number of the release that was published; None when no content was.
    """

    plan: Plan
    item_hash: str
    urls: tuple[str, ...]
    resumed: int = 0
    sent: tuple[tuple[str, str], ...] = ()
    answer: Healthy | None = None
    release: int | None = None


class Application:
    """Carries out one plan."""

    def __init__(
        self,
        deployer: Deployer,
        artifact: Artifact,
        plan: Plan,
        state: State,
        outbox: Outbox,
        *,
        answers: Callable[[str, str], None],
    ) -> None:
        self._deployment = deployer.deployment
        self._options = deployer.options
        self._health = deployer.health
        self._observer = deployer.session.observer
        self._account = deployer.session.account
        self._now = deployer.session.clock
        self._answers = answers
        self._artifact = artifact
        self._manifest = artifact.manifest
        self._plan = plan
        self._state = state
        self._release: int | None = None
        self._outbox = outbox
        self._journal = outbox.journal
        self._before: Execution | None = None

    def __call__(self) -> Outcome:
        """Do it all; what fails leaves a journal from which the next run goes on."""
        # Imported here, as below: most runs find nothing to do and are over before.
        from hatch_aleph.deploy.rollback import is_overtaken

        if self._journal.run is not None and is_overtaken(self._journal.run, self._state, self._journal):
            self._journal.end()
        self._check_times()
        self._journal.begin(self._baseline())
        refs, code_ref = self._volumes()
        item_hash = self._program(refs)
        answer = self._answer(item_hash, code_ref)
        if self._plan.program.action != "unchanged":
            self._give_way(item_hash)
        urls = (answer.url, *(url for url in self._deployment.hosts.urls(item_hash) if url != answer.url))
        self._answers(item_hash, answer.url)
        if self._plan.domains:
            from hatch_aleph.deploy.custom_domains import attach_domains

            attach_domains(self._deployment.client, self._outbox, self._plan.owner, self._plan.domains, item_hash)
        if self._plan.forget:
            from hatch_aleph.deploy.cleanup import forget

            self._drain(item_hash)
            self._observer.step("forget", hashes=list(self._plan.forget))
            check_kept(self._deployment, item_hash)
            forget(self._deployment.client, self._outbox, self._plan.owner, [(self._plan.forget, SUPERSEDED)])
        self._outbox.discard_unsent()
        self._journal.end()
        resumed, sent = self._outbox.resumed, tuple(self._outbox.delivered)
        return Outcome(self._plan, item_hash, urls, resumed, sent, answer, self._release)

    def _check_times(self) -> None:
        """Refuse, before anything is sent, what a message with a time in the future is in the way of.

        Raises:
            PlanError: Something that will be amended or said again is signed with such a time.
        """
        for step in self._plan.images:
            volume = self._state.volumes.get(step.ref or "") if step.sends else None
            self._outbox.check_time(volume.current if volume else None)
        if self._plan.program.action != "unchanged":
            self._outbox.check_time(max(self._state.programs, key=lambda program: program.time, default=None))
        if self._plan.domains:
            from hatch_aleph.network.domains import KEY

            self._outbox.check_aggregate(self._plan.owner, KEY)

    def _baseline(self) -> Run:
        """Return what was live before: the program that answers now, with the contents that it has."""
        superseded = [program for program in self._state.programs if program.item_hash in self._plan.forget]
        kept = [program for program in self._state.programs if program.item_hash not in self._plan.forget]
        # A kept program beside superseded ones has not taken over yet, so it is not what one would go back to.
        program = next(iter([*superseded, *kept]), None)
        images: dict[str, str] = {}
        for image in self._manifest.images if program else ():
            volume = self._state.volume_of(program, image.role, image.mount)  # type: ignore[arg-type] # not None here
            if volume:
                images[image.role] = volume.current.item_hash
        return Run(self._deployment.node, program.item_hash if program else None, images)

    def _volumes(self) -> tuple[dict[str, str], str]:
        """Publish what has to be published; return the refs by role, and the STORE whose code is to run."""
        refs: dict[str, str] = {}
        code_ref = ""
        # Code last: while code and packages differ the adapter answers 503, and code is quick to send.
        for step in sorted(self._plan.images, key=lambda step: step.role == "code"):
            volume = self._state.volumes.get(step.ref or "")
            if step.action == "amend" and self._plan.program.action == "unchanged":
                # The last amend counts: what an earlier one stopped, visitors may have started again.
                self._before = self._health.before_amend(
                    self._deployment.hosts,
                    str(self._plan.program.item_hash),
                    persistent=self._manifest.program_settings.persistent,
                )
            newest = self._publish(step) if step.sends else (volume.current.item_hash if volume else "")
            refs[step.role] = step.ref or newest
            if step.role == "code":
                code_ref = newest
        if self._plan.in_place:
            amends = newest_amends(self._deployment.client, self._plan.owner, list(refs.values()))
            for step, version in displaced(self._plan, self._manifest, amends):
                self._publish(replace(step, upload=False), after=version)
            code_ref = amends[refs["code"]].item_hash if refs["code"] in amends else code_ref
        return refs, code_ref

    def _publish(self, step: ImageStep, after: Version | None = None) -> str:
        from hatch_aleph.deploy.history import NUMBER, next_number

        self._release = next_number(self._state)
        image: Image = next(image for image in self._manifest.images if image.role == step.role)
        volume = self._state.volumes.get(step.ref or "")
        if after is None:
            after = volume.current if volume else None
        content = store_content(
            self._plan.owner,
            step.file_hash,
            step.engine,
            payment=self._manifest.settings.payment.to_message(),
            ref=step.ref,
            metadata=image_notes(image, self._manifest, {**self._outbox.origin(), NUMBER: self._release}),
            tags=(self._plan.tag,),
        )
        file = self._artifact.file(image) if step.upload else None
        return self._outbox.deliver("STORE", content, after=after, file=file).item_hash

    def _program(self, refs: Mapping[str, str]) -> str:
        if self._plan.program.action == "unchanged":
            return str(self._plan.program.item_hash)
        check_alone(self._deployment, self._state, self._journal)
        content = program_content(self._manifest, refs, owner=self._plan.owner, tag=self._plan.tag)
        content = keeping(content, (program.item_hash for program in self._state.kept))
        newest = max(self._state.programs, key=lambda program: program.time, default=None)
        return self._outbox.deliver("PROGRAM", content, after=newest).item_hash

    def _give_way(self, item_hash: str) -> None:
        """Take a new program back if another machine has published one at the same time, before this one came.

        Raises:
            PlanError: It has.
        """
        other = find_earlier(self._deployment, self._state, self._journal, item_hash)
        if other is None:
            return
        from hatch_aleph.deploy.rollback import forget_new

        forget_new(self._deployment, self._outbox, item_hash, self._deployment.state(), GAVE_WAY)
        self._outbox.discard_unsent()
        self._journal.end()
        raise PlanError(
            "Another machine has published this project at the same time, a moment earlier: this program was forgotten",
            where=other,
            hint="Run the command again: it plans from what is live now.",
        )

    def _answer(self, item_hash: str, code_ref: str) -> Healthy:
        check = self._manifest.settings.health
        kept = self._plan.program.action == "unchanged"
        try:
            return self._health.confirm(
                self._deployment.hosts,
                item_hash,
                check,
                code_ref or None,
                amended=kept
                and (
                    bool(self._outbox.delivered or self._outbox.resumed)
                    or just_amended(self._state.volumes.values(), self._now())
                ),
                persistent=self._manifest.program_settings.persistent,
                before=self._before,
                observer=self._observer,
            )
        except HealthError as error:
            from hatch_aleph.deploy.program_log import explain

            explain(
                error,
                self._deployment.hosts,
                item_hash,
                self._account,
                persistent=self._manifest.program_settings.persistent,
            )
            if not self._options.rollback:
                error.hint = f"It was kept as asked: {typed('deploy')} tries once more, {typed('rollback')} goes back."
                raise
            from hatch_aleph.deploy.rollback import put_back

            error.hint = put_back(self._deployment, self._outbox, item_hash, self._manifest)
            raise

    def _drain(self, item_hash: str) -> None:
        """Let go on what is superseded as long as somebody may still be led to it by a domain."""
        if not self._plan.drain_seconds:
            return
        from hatch_aleph.deploy.custom_domains import await_takeover

        settings = self._manifest.settings
        self._observer.step("drain", seconds=f"{self._plan.drain_seconds:g}", item_hash=item_hash)
        self._health.pause(self._plan.drain_seconds)
        if self._deployment.hosts.known is None:  # a host of this machine serves no domain
            await_takeover(settings.domains, self._plan.forget, settings.health.path, self._health)
