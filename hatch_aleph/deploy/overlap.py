"""Two machines that deploy one project at the same time: no lock reaches both, so each looks what the other has done.

The signed time decides between contents, and the code, which is published last, decides between deployments: whose
code is the newest completes its release, and the other gives way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.commands import typed
from hatch_aleph.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatch_aleph.artifact import Manifest
    from hatch_aleph.deploy.deployment import Deployment
    from hatch_aleph.deploy.journal import Journal
    from hatch_aleph.deploy.plan import ImageStep, Plan
    from hatch_aleph.deploy.state import State, Version
    from hatch_aleph.network.client import NodeClient

# A deployment takes minutes: a program that is younger than this may be another machine's that has yet to take over.
YOUNG = 900.0
# Why a program is forgotten that was published a moment after another machine's.
GAVE_WAY = "another machine was first"


def check_no_rival(plan: Plan, state: State, journal: Journal, *, now: float) -> None:
    """Refuse to go back to an older program while another machine may be about to forget it for a newer one.

    A program is otherwise only ever forgotten for a newer one that answers, so that one is always left.

    Raises:
        PlanError: The plan would forget a program of another machine that is newer than the one it keeps, and young.
    """
    kept = next((program for program in state.programs if program.item_hash == plan.program.item_hash), None)
    if plan.program.action != "unchanged" or kept is None:
        return
    for program in state.programs:
        age = max(now - program.time, 0.0)
        newer = program.item_hash in plan.forget and program.time > kept.time
        if newer and age < YOUNG and not journal.knows(program.item_hash):
            raise PlanError(
                f"Another machine published this program {age:.0f} s ago and may not be done yet",
                where=program.item_hash,
                hint=f"Run the command again in {YOUNG / 60:.0f} minutes. If you know that nobody deploys: "
                f"{typed('prune')} leaves the newest program if it answers, {typed('delete ITEM_HASH')} takes any.",
            )


def check_alone(target: Deployment, state: State, journal: Journal) -> None:
    """Look once more for the deployment's programs, right before one is signed.

    One that appears later than this is found by :func:`find_earlier`.

    Raises:
        PlanError: There is one that was not there when the plan was made.
    """
    for item_hash in _strangers(target, state, journal):
        raise PlanError(
            "Another machine has published this project since the plan was made, so no second program was",
            where=item_hash,
            hint="Run the command again: it plans from what is live now, and what was uploaded is used.",
        )


def find_earlier(target: Deployment, state: State, journal: Journal, item_hash: str) -> str | None:
    """Look once more after a new program answers; return another machine's that the node has had for longer.

    Both machines may have looked before either had published. The node received one of the programs first; whoever
    published the other one looks after both are there, so it is the one that sees both, and that gives way.
    """
    others = [other for other in _strangers(target, state, journal) if other != item_hash]
    return next((other for other in others if was_received_before(target.client, other, item_hash)), None)


def was_received_before(client: NodeClient, other: str, item_hash: str) -> bool:
    """Tell whether the node received one message before another; what it does not know, it did not."""
    times = [message.received if (message := client.message(each)) else "" for each in (other, item_hash)]
    return bool(times[0]) and times[0] < times[1]


def _strangers(target: Deployment, state: State, journal: Journal) -> Iterator[str]:
    """Yield the deployment's programs that were not there when the plan was made and that this machine did not sign."""
    known = {program.item_hash for program in state.programs}
    for message in target.client.messages(types=("PROGRAM",), owners=(target.owner,), tags=(target.tag,)):
        item_hash = message.item_hash
        if message.owner == target.owner and item_hash not in known and not journal.knows(item_hash):
            yield item_hash


def check_kept(target: Deployment, item_hash: str) -> None:
    """Look once more for the program that is to stay, right before the others are forgotten: nobody wants none left.

    Raises:
        PlanError: Another machine, which keeps another one, has forgotten it.
    """
    status = target.client.status(item_hash)
    if status is None or not status.is_live:
        raise PlanError(
            "Another machine has forgotten this program meanwhile, so no other one was",
            where=item_hash,
            hint=f"{typed('plan')} shows what is live; deploy again if yours is to run.",
        )


def check_own(newest: Version | None, store: str) -> None:
    """Look once more whether code that was just published is still the newest, before it is called done or put back.

    Raises:
        PlanError: Another machine has published other code since, which stays, or has deleted it.
    """
    if newest is not None and newest.item_hash == store:
        return
    raise PlanError(
        "Another machine has updated the program at the same time, and its code is the newer: it stays"
        if newest
        else "Another machine has deleted the code at the same time",
        where=newest.item_hash if newest else store,
        hint=f"Run the command again if yours is to run; {typed('list')} shows what is live.",
    )


def displaced(plan: Plan, manifest: Manifest, newest: Mapping[str, Version]) -> list[tuple[ImageStep, Version]]:
    """Return the images that another machine has amended since an update in place began, with its contents.

    Args:
        plan: Of the update.
        manifest: Of its artifact.
        newest: The newest amends, by the original's item hash.

    Raises:
        PlanError: The code is among them.
    """
    found = []
    for image in manifest.images:
        step = plan.image(image.role)
        version = newest.get(step.ref or "") if step else None
        if step is None or version is None or version.holds(image.sha256, image.cid):
            continue
        if image.role == "code":
            raise PlanError(
                "Another machine has deployed at the same time, and its code is the newer: it stays",
                where=version.item_hash,
                hint=f"{typed('plan')} shows what differs; deploy again if yours is to run.",
            )
        found.append((step, version))
    return found
