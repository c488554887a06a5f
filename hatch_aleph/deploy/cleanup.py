"""Forget messages: those that nothing needs, and those that are named."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hatch_aleph.deploy.custom_domains import attach_domains, moving
from hatch_aleph.deploy.health import Healthy
from hatch_aleph.deploy.history import live_volumes
from hatch_aleph.deploy.overlap import check_kept
from hatch_aleph.deploy.state import check_named, live_among
from hatch_aleph.errors import NetworkError, RejectedError
from hatch_aleph.network.messages import forget_content
from hatch_aleph.network.money import cost_text
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from hatch_aleph.deploy.deployment import Deployment
    from hatch_aleph.deploy.health import Health
    from hatch_aleph.deploy.journal import Journal
    from hatch_aleph.deploy.outbox import Outbox
    from hatch_aleph.deploy.session import Session
    from hatch_aleph.deploy.state import State, Version, Volume
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.money import Price
    from hatch_aleph.settings.model import HealthCheck

_UNKNOWN_TARGET = 501
_STILL_USED = 503
_USER = re.compile(r"used on vm ([0-9a-f]{64})")
# A FORGET names each hash with its 64 digits; nodes take 200,000 characters inline.
_HASHES_A_MESSAGE = 500


def farewell(client: NodeClient, owner: str, doomed: Sequence[tuple[str, str]]) -> str:
    """Return what is to be forgotten, for who is asked: a line each, what it is and what its end saves, then the sum.

    Args:
        client: The node.
        owner: Who pays for it.
        doomed: What each is, and its item hash.
    """
    prices = saved_by(client, owner, [item_hash for _, item_hash in doomed])
    rows = [(what, _a_day(prices.get(item_hash)), item_hash) for what, item_hash in doomed]
    wide, costly = (max(len(row[column]) for row in rows) for column in (0, 1))
    # Without "a day", so that a line fits where a terminal has a hundred columns; the last one says it.
    lines = [f"  {what:{wide}}  {saved:>{costly}}  {item_hash}" for what, saved, item_hash in rows]
    return "\n".join([*lines, last_words(len(doomed), prices.values())])


def saved_by(client: NodeClient, owner: str, hashes: Sequence[str]) -> Mapping[str, Price]:
    """Return what the end of some messages saves; nothing when the node does not tell."""
    try:
        return client.prices_of(owner, hashes)
    except (NetworkError, RejectedError):
        return {}


def last_words(count: int, saved: Collection[Price]) -> str:
    """Return what is asked before some messages are forgotten: how many they are, and what their end saves."""
    saves = f", which saves {cost_text(saved)}" if saved else ""
    return f"Forget {'this' if count == 1 else f'these {count:,}'} for ever{saves}"


def _a_day(price: Price | None) -> str:
    return "?" if price is None else cost_text([price]).removesuffix(" a day")


def what_of(volume: Volume) -> list[tuple[str, str]]:
    """Return what each content of a volume is, and its item hash, for :func:`farewell`."""
    name = printable(str(volume.original.notes.get("name") or volume.role or "file"))
    found: list[tuple[str, str]] = []
    for version in volume.versions:
        words = name, printable(str(version.notes.get("version") or "")), "(earlier)" if found else ""
        found.append((" ".join(filter(None, words)), version.item_hash))
    return found


def forget(
    client: NodeClient, outbox: Outbox, owner: str, groups: Sequence[tuple[Sequence[str], str]]
) -> tuple[str, ...]:
    """Forget groups of messages one after the other, each awaited before the next.

    All are signed before the first is sent, so a run that is cut off between them is finished by the next one: what a
    forgotten program was made of is known to nobody else.

    Args:
        client: The node.
        outbox: Sends.
        owner: Whose messages they are.
        groups: Item hashes with the reason that is told, of any number; programs before the files they use.

    Returns:
        The item hashes of the FORGET messages.

    Raises:
        NetworkError: The node contradicts what it showed of one; nothing is signed.
        RejectedError: The network refuses one, after what it does not refuse has taken effect.
    """
    used = {each: error for each, error in refused_before(client, outbox.journal).items() if error}
    contents = []
    for hashes, reason in groups:
        live = [item_hash for item_hash in live_among(client, sorted(hashes), shown=True) if item_hash not in used]
        parts = [live[start : start + _HASHES_A_MESSAGE] for start in range(0, len(live), _HASHES_A_MESSAGE)]
        contents += [forget_content(owner, part, reason=reason) for part in parts]
    for content in contents[1:]:
        outbox.sign_for_later("FORGET", content)
    meant = [item_hash for hashes, _ in groups for item_hash in hashes]
    sent: list[str] = []
    try:
        for content in contents:
            sent += _deliver(client, outbox, content)
        for item_hash in meant:
            if item_hash in used:
                raise used[item_hash]
    except RejectedError as error:
        error.hint = _in_part(client, owner, meant, error.hint)
        raise
    return tuple(sent)


def refused_before(client: NodeClient, journal: Journal) -> dict[str, RejectedError | None]:
    """Return the live files that the network refused to forget, each with the refusal if it would be refused again.

    The refusal names the program that uses the file, whoever's it is (``ForgetNotAllowed`` in
    ``src/aleph/types/message_status.py``, aleph-im/pyaleph); a node has no list of such programs.
    """
    from hatch_aleph.network.rejections import rejection

    found: dict[str, RejectedError | None] = {}
    for item_hash in journal.refused("FORGET"):
        message = client.message(item_hash)
        hashes = message.content.get("hashes") if message and message.error_code == _STILL_USED else None
        user = _USER.search(str(message and message.details))
        if message and user and isinstance(hashes, list) and len(hashes) == 1 and live_among(client, hashes):
            again = rejection(message) if live_among(client, [user[1]]) else None
            if again:
                again.hint = f"No FORGET was signed again: {user[1]} is still there."
            found[hashes[0]] = again
    return found


def _in_part(client: NodeClient, owner: str, hashes: Sequence[str], hint: str | None) -> str:
    """Say what is gone, what stays, and what that goes on costing."""
    left = live_among(client, hashes)
    gone = [each for each in hashes if each not in left]
    cost = cost_text(saved_by(client, owner, left).values())
    lines = [
        f"Gone: {', '.join(gone) or 'nothing'}.",
        f"Still there, for {cost}: {', '.join(left)}.",
    ]
    return "\n".join([*lines, *([hint] if hint else [])])


def _deliver(client: NodeClient, outbox: Outbox, content: Mapping[str, Any]) -> list[str]:
    owner, hashes, reason = content["address"], content["hashes"], content.get("reason")
    try:
        return [outbox.deliver("FORGET", content).item_hash]
    except RejectedError as error:
        refused = error
    left = live_among(client, hashes)
    if refused.code == _UNKNOWN_TARGET and left != hashes:
        # Somebody else forgot some of them meanwhile.
        return _deliver(client, outbox, forget_content(owner, left, reason=reason)) if left else []
    if refused.code != _STILL_USED or len(hashes) == 1:
        raise refused
    sent = []
    for item_hash in hashes:
        with contextlib.suppress(RejectedError):
            sent += _deliver(client, outbox, forget_content(owner, [item_hash], reason=reason))
    if live_among(client, hashes):
        raise refused
    return sent


PRUNED = "no longer used"
PROGRAM = "program"


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
        if not volume.is_among(used):
            found += [_content("no program uses it", version) for version in volume.versions]
            continue
        needed = used | {volume.ref}
        earlier = [version for version in volume.versions[1 + keep :] if version.item_hash not in needed]
        found += [_content("an earlier content", version) for version in earlier]
    return tuple(sorted(found, key=lambda waste: waste.time))


def prune(
    target: Deployment,
    session: Session,
    health: Health,
    check: HealthCheck,
    *,
    keep: int = 0,
    others: bool = False,
    confirm: Callable[[tuple[Waste, ...]], None] = lambda _waste: None,
) -> tuple[Waste, ...]:
    """Forget what no program needs, after showing it; return what was forgotten.

    Of several live programs (two machines created it at once, or a run was cut off) the newest is kept; the others go
    only if it answers, and their domains move to it.

    Args:
        target: The deployment.
        session: Who signs.
        health: Asks the newest program.
        check: What counts as an answer.
        keep: Earlier contents of each volume in use to keep for ``rollback``.
        others: Accept that a program is named as another project's.
        confirm: Is shown what would go; raises if it is to stay.

    Raises:
        PlanError: It is another project's, or what is to stay has gone meanwhile.
    """
    with session.deploying(target.tag, target.channel) as outbox:
        state = target.state()
        waste = find_waste(state, keep=keep, superseded=_newest_answers(target, state, health, check))
        programs = [each.item_hash for each in waste if each.role == PROGRAM]
        going = [each for each in state.programs if each.item_hash in programs]
        check_named(going, target.names, others=others)
        volumes = [each.item_hash for each in waste if each.role != PROGRAM]
        domains = (
            moving(session, target.channel, programs, f"move to {state.programs[0].item_hash}") if programs else []
        )
        if waste:
            confirm(waste)
        if programs:
            check_kept(target, state.programs[0].item_hash)
        if domains:
            attach_domains(target.client, outbox, target.owner, domains, state.programs[0].item_hash)
        forget(target.client, outbox, target.owner, [(programs, PRUNED), (volumes, PRUNED)])
        outbox.discard_unsent()
    return waste


def _newest_answers(target: Deployment, state: State, health: Health, check: HealthCheck) -> bool:
    if len(state.programs) <= 1:
        return False
    newest = state.programs[0]
    code = live_volumes(state, newest).get("code")
    said = health.once(
        target.hosts, newest.item_hash, check, code.current.item_hash if code else None, persistent=newest.persistent
    )
    return isinstance(said, Healthy)


def _content(why: str, version: Version) -> Waste:
    return Waste(why, str(version.notes.get("role") or "volume"), version.item_hash, version.time)
