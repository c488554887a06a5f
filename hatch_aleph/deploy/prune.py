"""Forget what no program needs: superseded programs, earlier contents, and volumes that lost their program."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hatch_aleph.deploy.domains import attach_domains, names_of
from hatch_aleph.deploy.forgetting import forget
from hatch_aleph.deploy.history import live_volumes
from hatch_aleph.deploy.overlap import check_kept
from hatch_aleph.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.deploy.health import Health, HealthCheck
    from hatch_aleph.deploy.session import Opener
    from hatch_aleph.deploy.state import State, Version
    from hatch_aleph.deploy.target import Target

PRUNED = "no longer used"
PROGRAM = "program"
# A FORGET names each hash with its 64 digits; nodes take 200,000 characters inline.
_HASHES_A_MESSAGE = 500


@dataclass(frozen=True)
class Waste:
    """What could go: why, its role (a volume's, or ``program``), item hash and signed time of the message."""

    why: str
    role: str
    item_hash: str
    time: float


def find_waste(state: State, *, keep: int = 0, superseded: bool = True) -> tuple[Waste, ...]:
    """Return what no program of the owner needs.

    An original is needed as long as a program names it, even when amends hide its content: without it no later amend
    would be accepted.

    Args:
        state: What is live.
        keep: Earlier contents of each volume in use to keep for ``rollback``.
        superseded: Count the programs that are older than the newest, and what only they use.
    """
    older = state.programs[1:] if superseded else ()
    found = [Waste("a newer one is live", PROGRAM, program.item_hash, program.time) for program in older]
    found += [_content("its original is gone", version) for version in state.orphans]
    used = replace(state, programs=state.programs[: len(state.programs) - len(older)]).used
    for volume in state.volumes.values():
        if volume.ref not in used:
            found += [_content("no program uses it", version) for version in volume.versions]
            continue
        earlier = [version for version in volume.versions[1 + keep :] if version.item_hash != volume.ref]
        found += [_content("an earlier content", version) for version in earlier]
    return tuple(sorted(found, key=lambda waste: waste.time))


def prune(
    opener: Opener,
    health: Health,
    check: HealthCheck,
    *,
    keep: int = 0,
    confirm: Callable[[tuple[Waste, ...]], bool] = lambda _waste: True,
) -> tuple[Waste, ...]:
    """Forget what no program needs, after showing it; return what was forgotten.

    Of several live programs (two machines created it at once, or a run was cut off) the newest is kept; the others go
    only if it answers, and their domains move to it.

    Args:
        opener: The deployment.
        health: Asks the newest program.
        check: What counts as an answer.
        keep: Earlier contents of each volume in use to keep for ``rollback``.
        confirm: Is shown what would go; False ends it before anything is sent.

    Raises:
        PlanError: It was not confirmed, or what is to stay has gone meanwhile.
    """
    target = opener.target
    with opener.open() as session:
        state = target.state()
        waste = find_waste(state, keep=keep, superseded=_newest_answers(target, state, health, check))
        if waste and not confirm(waste):
            raise PlanError("it was not confirmed; nothing was sent", where=target.tag)
        programs = [each.item_hash for each in waste if each.role == PROGRAM]
        volumes = [each.item_hash for each in waste if each.role != PROGRAM]
        if programs:
            check_kept(target, state.programs[0].item_hash)
        domains = names_of(target.client, target.owner, programs) if programs else []
        if domains:
            attach_domains(target.client, session.sender, target.owner, domains, state.programs[0].item_hash)
        groups = [(programs, PRUNED)]
        groups += [(volumes[i : i + _HASHES_A_MESSAGE], PRUNED) for i in range(0, len(volumes), _HASHES_A_MESSAGE)]
        forget(target.client, session.sender, target.owner, groups)
        session.sender.drop_leftovers()
    return waste


def _newest_answers(target: Target, state: State, health: Health, check: HealthCheck) -> bool:
    if len(state.programs) <= 1:
        return False
    newest = state.programs[0]
    code = live_volumes(state, newest).get("code")
    return health.once(target.urls(newest.item_hash), check, code.current.item_hash if code else None) is None


def _content(why: str, version: Version) -> Waste:
    return Waste(why, str(version.notes.get("role") or "volume"), version.item_hash, version.time)
