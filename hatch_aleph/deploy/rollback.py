"""Go back to an earlier content that is still pinned: amends alone, no upload, the same URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.deploy.history import Release, find_release, live_volumes, releases
from hatch_aleph.deploy.revert import amend_to
from hatch_aleph.errors import HealthError, PlanError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.deploy.health import Health, HealthCheck
    from hatch_aleph.deploy.session import Opener
    from hatch_aleph.deploy.state import Program, State


@dataclass(frozen=True)
class RolledBack:
    """What a roll-back has come to: the release, the program, the URL that answered, and what was amended by role."""

    release: Release
    item_hash: str
    url: str
    amended: tuple[str, ...]


def roll_back(
    opener: Opener,
    health: Health,
    check: HealthCheck,
    *,
    to: str | None = None,
    confirm: Callable[[Release], bool] = lambda _release: True,
) -> RolledBack:
    """Amend the live program's volumes to what they held in an earlier release, and wait until it answers.

    Args:
        opener: The deployment.
        health: Polls the program.
        check: What counts as an answer.
        to: Number, project version or beginning of a hash; the release before the present one when absent.
        confirm: Is shown the release; False ends it before anything is sent.

    Raises:
        PlanError: There is no such release, or nothing live.
        HealthError: The program does not answer with that content either.
    """
    target = opener.target
    with opener.open() as session:
        state = target.state()
        program = live_program(state)
        release = find_release(releases(state), to)
        volumes = live_volumes(state, program)
        if not confirm(release):
            raise PlanError("the roll-back was not confirmed; nothing was sent", where=target.tag)
        amended = []
        code_ref = volumes["code"].current.item_hash if "code" in volumes else None
        for role in sorted(release.contents, reverse=True):  # packages before code, as a deployment does
            volume, version = volumes.get(role), release.contents[role]
            if volume is None or volume.current.file_hash == version.file_hash:
                continue
            item_hash = amend_to(target, session.sender, volume, version, _payment(program))
            amended.append(role)
            code_ref = item_hash if role == "code" else code_ref
        session.sender.drop_leftovers()
        session.journal.end()
        try:
            url = health.wait(target.urls(program.item_hash), check, code_ref)
        except HealthError as error:
            error.hint = f"It has the content of release {release.number} now all the same: `rollback` to another one."
            raise
    return RolledBack(release, program.item_hash, url, tuple(amended))


def live_program(state: State) -> Program:
    """Return the newest live program.

    Raises:
        PlanError: There is none.
    """
    if not state.programs:
        raise PlanError(
            "nothing of this deployment is live",
            where=f"{state.tag} of {state.owner}",
            hint="Publish it with `deploy`.",
        )
    return state.programs[0]


def _payment(program: Program) -> dict[str, Any]:
    # Pinned anew, so paid as the network now wants it, whatever way the program was once paid.
    payment = dict(program.content.get("payment") or {})
    return payment if payment.get("type") == "credit" else {"type": "credit", "chain": payment.get("chain") or "ETH"}
