"""Forget what no program needs: earlier contents, and volumes that lost their program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_aleph.deploy.revert import forget
from hatch_aleph.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.deploy.session import Opener
    from hatch_aleph.deploy.state import State, Version

PRUNED = "no longer used"
# A FORGET names each hash with its 64 digits; nodes take 200,000 characters inline.
_HASHES_A_MESSAGE = 500


@dataclass(frozen=True)
class Waste:
    """A content that could go: why, its role, and the STORE message."""

    why: str
    role: str
    version: Version


def find_waste(state: State, *, keep: int = 0) -> tuple[Waste, ...]:
    """Return what no program of the owner needs.

    An original is needed as long as a program names it, even when amends hide its content: without it no later amend
    would be accepted.

    Args:
        state: What is live.
        keep: Earlier contents of each volume in use to keep for ``rollback``.
    """
    found = [Waste("its original is gone", _role(version), version) for version in state.orphans]
    for volume in state.volumes.values():
        if volume.ref not in state.used:
            found += [Waste("no program uses it", _role(version), version) for version in volume.versions]
            continue
        earlier = [version for version in volume.versions[1 + keep :] if version.item_hash != volume.ref]
        found += [Waste("an earlier content", _role(version), version) for version in earlier]
    return tuple(sorted(found, key=lambda waste: waste.version.time))


def prune(
    opener: Opener, *, keep: int = 0, confirm: Callable[[tuple[Waste, ...]], bool] = lambda _waste: True
) -> tuple[Waste, ...]:
    """Forget what no program needs, after showing it; return what was forgotten.

    Raises:
        PlanError: It was not confirmed.
    """
    with opener.open() as session:
        waste = find_waste(opener.target.state(), keep=keep)
        if waste and not confirm(waste):
            raise PlanError("it was not confirmed; nothing was sent", where=opener.target.tag)
        hashes = [each.version.item_hash for each in waste]
        for start in range(0, len(hashes), _HASHES_A_MESSAGE):
            forget(opener.target, session.sender, hashes[start : start + _HASHES_A_MESSAGE], PRUNED)
        session.sender.drop_leftovers()
    return waste


def _role(version: Version) -> str:
    return str(version.notes.get("role") or "volume")
