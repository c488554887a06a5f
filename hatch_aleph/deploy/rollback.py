"""Go back to an earlier content that is still pinned, by request or after a failed deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.commands import typed
from hatch_aleph.deploy.cleanup import forget
from hatch_aleph.deploy.history import (
    KIND,
    LEFT,
    NUMBER,
    Kind,
    Release,
    find_release,
    live_volumes,
    next_number,
    releases,
)
from hatch_aleph.deploy.payment import check_affordable_contents
from hatch_aleph.deploy.preflight import HARD_STOP
from hatch_aleph.deploy.state import NOTES, credit_payment, just_amended, live_program, refs_of
from hatch_aleph.errors import HealthError
from hatch_aleph.network.messages import store_content
from hatch_aleph.origin import MACHINE
from hatch_aleph.plugins import publishing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from hatch_aleph.artifact import Manifest
    from hatch_aleph.deploy.deployment import Deployment
    from hatch_aleph.deploy.health import Health
    from hatch_aleph.deploy.journal import Journal, Run
    from hatch_aleph.deploy.outbox import Outbox
    from hatch_aleph.deploy.session import Session
    from hatch_aleph.deploy.state import State, Version, Volume
    from hatch_aleph.settings.model import HealthCheck

FAILED = "did not answer"
_INSTEAD = "`--no-rollback` keeps what was published."


def put_back(target: Deployment, outbox: Outbox, item_hash: str, manifest: Manifest) -> str:
    """Go back to the program that answered before the deployment began; return in words what was done.

    A new program is forgotten, with the volumes that nothing else uses, and the old one stays. An update in place is
    undone by amends to the contents before, which need no upload. Without anything before, what was published stays: a
    deployment of better code amends it under the same URL. So does what another machine has published meanwhile.
    """
    journal = outbox.journal
    run = journal.run
    state = target.state()
    live = {program.item_hash: program for program in state.programs}
    before = live.get(run.program) if run and run.program else None
    if item_hash not in live:
        done = "Another machine has taken it away meanwhile, so nothing was put back."
    elif run is None or before is None:
        return (
            "There was nothing before it to go back to, so it stays published. Mend it and deploy again (same URL), or "
            f"delete it: {typed('delete')}."
        )
    elif before.item_hash != item_hash:
        forget_new(target, outbox, item_hash, state, FAILED)
        done = f"The new program was forgotten; the old one ({before.item_hash}) was left as it is. {_INSTEAD}"
    elif is_overtaken(run, state, journal):
        done = "Another machine has deployed meanwhile, so nothing was put back: what it published stays."
    else:
        changed, number = list(_changed(state, run)), next_number(state)
        for volume, version in changed:
            amend_to(
                target, outbox, volume, version, manifest.settings.payment.to_message(), kind="put back", number=number
            )
        roles = [str(version.notes.get("role") or "volume") for _, version in changed]
        done = f"The update was rolled back ({', '.join(roles)}); the program has its earlier content again. {_INSTEAD}"
    outbox.discard_unsent()
    journal.end()
    return done


def is_overtaken(run: Run, state: State, journal: Journal) -> bool:
    """Tell whether another machine has deployed since a run began: its beginning is no place to go back to."""
    if run.program is None:
        return bool(state.programs) and not journal.knows(state.programs[0].item_hash)
    program = next((each for each in state.programs if each.item_hash == run.program), None)
    if program is None:
        return True
    current = [volume.current.item_hash for volume in live_volumes(state, program).values()]
    return any(item_hash not in run.images.values() and not journal.knows(item_hash) for item_hash in current)


def _changed(state: State, run: Run) -> Iterator[tuple[Volume, Version]]:
    by_hash = {version.item_hash: volume for volume in state.volumes.values() for version in volume.versions}
    for item_hash in run.images.values():
        volume = by_hash.get(item_hash)
        if volume is None:
            continue
        version = next(version for version in volume.versions if version.item_hash == item_hash)
        if volume.current.file_hash != version.file_hash:
            yield volume, version


def amend_to(
    target: Deployment,
    outbox: Outbox,
    volume: Volume,
    version: Version,
    payment: Mapping[str, Any] | None,
    *,
    kind: Kind,
    number: int,
) -> str:
    """Amend a volume to a content that is still pinned, without upload; return the amend's item hash.

    The amend notes what it left and why, so that any machine knows which contents answered, and as which release.
    """
    notes = {**_content_notes(version, outbox), KIND: kind, LEFT: volume.current.file_hash, NUMBER: number}
    content = store_content(
        target.owner,
        version.file_hash,
        version.engine,  # type: ignore[arg-type] # what the network has accepted before
        payment=payment,
        ref=volume.ref,
        metadata={NOTES: notes},
        tags=(target.tag,),
    )
    return outbox.deliver("STORE", content, after=volume.current).item_hash


def _content_notes(version: Version, outbox: Outbox) -> dict[str, Any]:
    """Return what a content's message says of it, by this machine: the commit stays that of the content."""
    origin = outbox.origin()
    here = {MACHINE: origin[MACHINE]} if MACHINE in origin else {}
    return {**{name: value for name, value in version.notes.items() if name != MACHINE}, **here}


def forget_new(target: Deployment, outbox: Outbox, item_hash: str, state: State, reason: str) -> None:
    """Forget a program that was just published, with the volumes that nothing else uses."""
    program = next((each for each in state.programs if each.item_hash == item_hash), None)
    if program is None:  # somebody else has
        return
    rest = [other for other in state.programs if other.item_hash != item_hash]
    used = state.used_elsewhere.union(*(refs_of(other.content) for other in rest))
    orphaned = [
        ref for ref in refs_of(program.content) if ref in state.volumes and not state.volumes[ref].is_among(used)
    ]
    hashes = [version.item_hash for ref in orphaned for version in state.volumes[ref].versions]
    forget(target.client, outbox, target.owner, [([item_hash], reason), (hashes, reason)])


@dataclass(frozen=True)
class RolledBack:
    """What a roll-back has come to: the release, the program, the URL that answered, and what was amended by role."""

    release: Release
    item_hash: str
    url: str
    amended: tuple[str, ...]


def roll_back(
    target: Deployment,
    session: Session,
    health: Health,
    check: HealthCheck,
    *,
    to: str | None = None,
    confirm: Callable[[Release, Sequence[str], Decimal | None], None] = lambda _release, _roles, _per_day: None,
) -> RolledBack:
    """Amend the live program's volumes to what they held in an earlier release, and wait until it answers.

    Args:
        target: The deployment.
        session: Who signs.
        health: Polls the program.
        check: What counts as an answer.
        to: Number, project version or beginning of a hash; the release before the present one when absent.
        confirm: Is shown the release, the roles of what is amended for it, and what that costs in a day, in credits;
            raises if it is not to be.

    Raises:
        PlanError: There is no such release, or nothing live.
        RejectedError: It cannot be paid.
        HealthError: The program does not answer with that content either; it has the present one again.
    """
    with session.deploying(target.tag, target.channel, ("STORE",)) as outbox:
        state = target.state()
        program = live_program(state)
        release, number = find_release(releases(state), to), next_number(state)
        volumes, payment = live_volumes(state, program), credit_payment(program.content)
        if program.persistent:
            session.notice(HARD_STOP)
        earlier = sorted(release.contents.items(), reverse=True)  # packages before code, as a deployment does
        changing = {r: v for r, v in earlier if r in volumes and volumes[r].current.file_hash != v.file_hash}
        cost = check_affordable_contents(target.client, target.owner, list(changing.values()), payment)
        confirm(release, list(changing), cost)
        publication = session.publication("rollback", program.item_hash, program.content)
        with publishing(publication) as answers:
            amended: list[str] = []
            ran = None
            code_ref = volumes["code"].current.item_hash if "code" in volumes else None
            for role, version in changing.items():
                ran = health.before_amend(target.hosts, program.item_hash, persistent=program.persistent)
                item_hash = amend_to(target, outbox, volumes[role], version, payment, kind="rollback", number=number)
                amended.append(role)
                code_ref = item_hash if role == "code" else code_ref
            outbox.discard_unsent()
            try:
                answer = health.confirm(
                    target.hosts,
                    program.item_hash,
                    check,
                    code_ref,
                    amended=bool(amended or outbox.resumed) or just_amended(volumes.values(), session.clock()),
                    persistent=program.persistent,
                    before=ran,
                    observer=session.observer,
                )
            except HealthError as error:
                after = live_volumes(target.state(), program)
                ours = outbox.journal.knows
                theirs = [role for role in amended if role not in after or not ours(after[role].current.item_hash)]
                for role in amended if not theirs else ():
                    before = volumes[role].current
                    amend_to(target, outbox, after[role], before, payment, kind="put back", number=number + 1)
                error.hint = f"It has its present content again. {typed('history')} lists the releases."
                if theirs:
                    error.hint = (
                        f"Another machine has deployed meanwhile, so nothing was put back. See {typed('plan')}."
                    )
                raise
            finally:
                outbox.journal.end()
            answers(program.item_hash, answer.url)
    return RolledBack(release, program.item_hash, answer.url, tuple(amended))
