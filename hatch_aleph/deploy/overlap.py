"""Two machines that deploy one project at the same time: no lock reaches both, so each looks what the other has done.

The signed time decides between contents, and the code, which is published last, decides between deployments: whose
code is the newest completes its release, and the other gives way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_aleph.artifact import Manifest
    from hatch_aleph.deploy.journal import Journal
    from hatch_aleph.deploy.plan import ImageStep, Plan
    from hatch_aleph.deploy.state import State, Version
    from hatch_aleph.deploy.target import Target


def check_alone(target: Target, state: State, journal: Journal) -> None:
    """Look once more for the deployment's programs, right before one is signed.

    A program that appears later than this leaves two; the next plan tells so.

    Raises:
        PlanError: There is one that was not there when the plan was made.
    """
    known = {program.item_hash for program in state.programs}
    for message in target.client.messages(types=("PROGRAM",), owners=(target.owner,), tags=(target.tag,)):
        item_hash = message.item_hash
        if message.owner == target.owner and item_hash not in known and not journal.knows(item_hash):
            raise PlanError(
                "another machine has published this project since the plan was made, so no second program was",
                where=item_hash,
                hint="Run the command again: it plans from what is live now, and what was uploaded is used.",
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
                "another machine has deployed at the same time, and its code is the newer: it stays",
                where=version.item_hash,
                hint="`plan` shows what differs; deploy again if yours is to run.",
            )
        found.append((step, version))
    return found
