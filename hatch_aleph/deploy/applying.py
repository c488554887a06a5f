"""One application of one plan: volumes, program, health, and only then the end of what was there before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hatch_aleph.deploy.content import program_content
from hatch_aleph.deploy.domains import attach_domains
from hatch_aleph.deploy.forgetting import forget
from hatch_aleph.deploy.health import HealthCheck
from hatch_aleph.deploy.journal import Run
from hatch_aleph.deploy.naming import image_notes
from hatch_aleph.deploy.overlap import check_alone, check_kept, displaced
from hatch_aleph.deploy.revert import is_overtaken, revert
from hatch_aleph.deploy.state import newest_amends
from hatch_aleph.errors import HealthError
from hatch_aleph.network.messages import store_content

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hatch_aleph.artifact import Artifact, Image
    from hatch_aleph.deploy.apply import Deployer
    from hatch_aleph.deploy.plan import ImageStep, Plan
    from hatch_aleph.deploy.session import Session
    from hatch_aleph.deploy.state import State
    from hatch_aleph.network.messages import MessageType

SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Outcome:
    """What a deployment has come to.

    Attributes:
        plan: What was carried out.
        item_hash: Of the program.
        urls: Where it answers, the one that was asked first.
        resumed: Messages of an earlier run that were seen through.
        sent: Type and item hash of each message that was delivered.
    """

    plan: Plan
    item_hash: str
    urls: tuple[str, ...]
    resumed: int = 0
    sent: tuple[tuple[str, str], ...] = ()


class Applying:
    """Carries out one plan."""

    def __init__(self, deployer: Deployer, artifact: Artifact, plan: Plan, state: State, session: Session) -> None:
        self._target = deployer.target
        self._options = deployer.options
        self._health = deployer.health
        self._observer = deployer.observer
        self._hooks = deployer.hooks
        self._artifact = artifact
        self._manifest = artifact.manifest
        self._plan = plan
        self._state = state
        self._journal = session.journal
        self._sender = session.sender
        self._resumed = session.resumed
        self._sent: list[tuple[str, str]] = []

    def __call__(self) -> Outcome:
        """Do it all; what fails leaves a journal from which the next run goes on."""
        if self._journal.run is not None and is_overtaken(self._journal.run, self._state, self._journal):
            self._journal.end()
        self._journal.begin(self._baseline())
        refs, code_ref = self._volumes()
        item_hash = self._program(refs)
        urls = self._answer(item_hash, code_ref)
        self._hooks.aleph_after_publish(artifact=self._artifact, item_hash=item_hash, url=urls[0])
        if self._plan.domains:
            sent = attach_domains(self._target.client, self._sender, self._plan.owner, self._plan.domains, item_hash)
            self._note(sent, "AGGREGATE")
        if self._plan.forget:
            self._observer.step("forget", hashes=list(self._plan.forget))
            check_kept(self._target, item_hash)
            groups = [(self._plan.forget, SUPERSEDED)]
            for forgotten in forget(self._target.client, self._sender, self._plan.owner, groups):
                self._note(forgotten, "FORGET")
        self._sender.drop_leftovers()
        self._journal.end()
        return Outcome(self._plan, item_hash, urls, self._resumed, tuple(self._sent))

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
        return Run(self._target.node, program.item_hash if program else None, images)

    def _volumes(self) -> tuple[dict[str, str], str]:
        """Publish what has to be published; return the refs by role, and the STORE whose code is to run."""
        refs: dict[str, str] = {}
        code_ref = ""
        # Code last: while code and packages differ the adapter answers 503, and code is quick to send.
        for step in sorted(self._plan.images, key=lambda step: step.role == "code"):
            volume = self._state.volumes.get(step.ref or "")
            newest = self._publish(step) if step.sends else (volume.current.item_hash if volume else "")
            refs[step.role] = step.ref or newest
            if step.role == "code":
                code_ref = newest
        if self._plan.in_place:
            amends = newest_amends(self._target.client, self._plan.owner, list(refs.values()))
            for step, version in displaced(self._plan, self._manifest, amends):
                self._publish(replace(step, upload=False), after=version.time)
            code_ref = amends[refs["code"]].item_hash if refs["code"] in amends else code_ref
        return refs, code_ref

    def _publish(self, step: ImageStep, after: float | None = None) -> str:
        image: Image = next(image for image in self._manifest.images if image.role == step.role)
        volume = self._state.volumes.get(step.ref or "")
        if after is None:
            after = volume.current.time if volume else 0.0
        content = store_content(
            self._plan.owner,
            step.file_hash,
            step.engine,
            payment=self._manifest.settings.get("payment"),
            ref=step.ref,
            metadata=image_notes(image, self._manifest),
            tags=(self._plan.tag,),
        )
        return self._deliver("STORE", content, after=after, file=self._artifact.file(image) if step.upload else None)

    def _program(self, refs: Mapping[str, str]) -> str:
        if self._plan.program.action == "unchanged":
            return str(self._plan.program.item_hash)
        check_alone(self._target, self._state, self._journal)
        content = program_content(self._manifest, refs, owner=self._plan.owner, tag=self._plan.tag)
        newest = max((program.time for program in self._state.programs), default=0.0)
        return self._deliver("PROGRAM", content, after=newest)

    def _answer(self, item_hash: str, code_ref: str) -> tuple[str, ...]:
        urls = self._target.urls(item_hash)
        check = HealthCheck.from_settings(dict(self._manifest.settings.get("health") or {}))
        self._observer.step("health", url=urls[0] + check.path)
        try:
            answered = self._health.wait(urls, check, code_ref or None)
        except HealthError as error:
            if not self._options.rollback:
                error.hint = "It was kept as asked; deploy again to try once more, or `rollback`."
                raise
            error.hint = revert(self._target, self._sender, self._journal, item_hash, self._manifest)
            raise
        self._observer.done("health", url=answered)
        return (answered, *(url for url in urls if url != answered))

    def _deliver(
        self, type_: MessageType, content: Mapping[str, Any], *, after: float = 0.0, file: Path | None = None
    ) -> str:
        message = self._sender.deliver(type_, content, after=after, file=file)
        self._note(message.item_hash, type_)
        return message.item_hash

    def _note(self, item_hash: str | None, type_: str) -> None:
        if item_hash is not None:
            self._sent.append((type_, item_hash))
