"""Replace a program by one whose message says something else: the new one takes over, then the old one goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.commands import typed
from hatch_aleph.deploy.cleanup import forget
from hatch_aleph.deploy.comparison import differences
from hatch_aleph.deploy.custom_domains import attach_domains, moving, names_of
from hatch_aleph.deploy.overlap import GAVE_WAY
from hatch_aleph.deploy.payment import check_affordable
from hatch_aleph.deploy.preflight import check_permitted, check_program
from hatch_aleph.deploy.rollback import FAILED
from hatch_aleph.deploy.session import require_owner
from hatch_aleph.deploy.state import check_named, credit_payment, find_program, keeping
from hatch_aleph.errors import HealthError, PlanError, RejectedError
from hatch_aleph.network.money import for_a_day
from hatch_aleph.plugins import publishing
from hatch_aleph.programs.live_programs import look_up
from hatch_aleph.programs.program_code import try_published

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from hatch_aleph.deploy.outbox import Outbox
    from hatch_aleph.deploy.session import Session
    from hatch_aleph.deploy.state import Volume
    from hatch_aleph.programs.live_programs import LiveProgram


@dataclass(frozen=True)
class Recreated:
    """What came of it.

    Attributes:
        item_hash: Of the program that says what was asked for.
        previous: Item hash of the old one; the same where a message need not change.
        forgotten: Whether the old one is gone.
        urls: Where the program answers.
        messages: Item hashes of the messages that say so: PROGRAM, then FORGET.
        code: Item hash of the STORE message that holds new code; None when the code is as it was.
    """

    item_hash: str
    previous: str
    forgotten: bool
    urls: tuple[str, ...]
    messages: tuple[str, ...] = ()
    code: str | None = None

    @property
    def unchanged(self) -> bool:
        """Whether nothing was to be done."""
        return self.code is None and self.item_hash == self.previous


def persistence_change(content: Mapping[str, Any], *, persistent: bool) -> dict[str, Any]:
    """Return a program's content with another persistence, paid by credits.

    The old payment is not copied: the network takes no ``hold`` for persistent programs any more (code 202).
    """
    changed = without_time(content)
    changed["on"] = {**content["on"], "persistent": persistent}
    changed["payment"] = credit_payment(content)
    return changed


def without_time(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content to be signed anew: without its time, what it replaced once, and what nodes fill in as null."""
    said: dict[str, Any] = _said(content)
    return {key: value for key, value in said.items() if key not in ("time", "replaces")}


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _said(item) for key, item in value.items() if item is not None}
    return [_said(item) for item in value] if isinstance(value, list) else value


def lost_volumes(content: Mapping[str, Any]) -> list[str]:
    """Return the persistent volumes, which live per host and item hash: a new program begins with empty ones."""
    return [
        str(volume.get("name") or volume.get("mount"))
        for volume in content.get("volumes") or ()
        if volume.get("ref") is None and not volume.get("ephemeral")
    ]


def check_recreatable(
    session: Session, existing: LiveProgram, *, allow_data_loss: bool, keep_prev: bool, declared: bool = False
) -> None:
    """Refuse to replace what its publisher declared fixed, to lose data unasked, and what the owner has not permitted.

    What is ``declared`` in the project whose program it is need not be updatable: its next deployment does the same.

    Raises:
        PlanError: It is not updatable, has persistent volumes, or the account may not publish it or forget the old one.
    """
    item_hash = existing.program.item_hash
    if not declared and not existing.content.get("allow_amend"):
        raise PlanError(
            "The program is not updatable: only its code can change",
            where=item_hash,
            hint="Create it anew with --updatable, or change [tool.aleph] and deploy if it is a project's.",
        )
    lost = lost_volumes(existing.content)
    if lost and not keep_prev and not allow_data_loss:
        raise PlanError(
            f"Data would be lost: a new program begins with empty persistent volumes ({', '.join(lost)})",
            where=item_hash,
            hint="Say --yes if that is meant, or --keep-prev to copy the data over before you delete the old one.",
        )
    check_permitted(session.client, session.account, existing.owner, ("PROGRAM",), existing.channel)


def recreating(item_hash: str) -> str:
    """Return the purpose under which messages are sent that replace a program."""
    return f"recreate:{item_hash}"


def look_up_for_replacement(session: Session, item_hash: str) -> LiveProgram:
    """Return a program that is to be replaced.

    Raises:
        PlanError: There is no such live program. If an earlier run was cut off when it had replaced it, what that one
            left to be forgotten is forgotten first.
    """
    try:
        existing = look_up(session.client, item_hash)
        # Asked again, now that its neighbours are known: what takes over from it later is not among them.
        find_program(session.client, item_hash)
    except PlanError:
        session.finish(recreating(item_hash))
        raise
    return existing


def recreate(
    session: Session, existing: LiveProgram, content: Mapping[str, Any], *, keep_prev: bool, reason: str, command: str
) -> Recreated:
    """Publish a program that says something else, wait for it, and only then forget the old one.

    Args:
        session: Who and where.
        existing: The old one; :func:`check_recreatable` has passed.
        content: What the new one says, without time.
        keep_prev: Keep the old one.
        reason: Why the old one is forgotten.
        command: What plugins are told.

    Raises:
        PlanError: The code, the runtime or a volume is gone.
        RejectedError: The network refuses the new one; the old one is as it was.
        GuestError: It does not start here; nothing was sent.
        HealthError: It does not answer, here (nothing was sent) or once published: then the old one is as it was.
    """
    check_program(session.client, content)
    per_day = check_affordable(session.client, content)
    try_published(session, content)
    item_hash = existing.program.item_hash
    confirm_replacement(session, existing, per_day, keep_prev=keep_prev)
    with (
        session.sending(recreating(item_hash), existing.channel) as outbox,
        publishing(session.publication(command, item_hash, content)) as answers,
    ):
        done = replace_program(session, outbox, existing, content, keep_prev=keep_prev, reason=reason)
        answers(done.item_hash, done.urls[0])
    return done


def confirm_replacement(
    session: Session,
    existing: LiveProgram,
    per_day: Decimal | None,
    *,
    keep_prev: bool,
    replaced_code: Volume | None = None,
) -> None:
    """Show what a replacement will do and cost, with every message that it will forget, and the domains that move.

    Raises:
        PlanError: The owner has not permitted to move the domains.
    """
    if not keep_prev:
        moving(session, existing.channel, [existing.program.item_hash], "move to the new program", existing.owner)
    session.confirm(_replacing(existing, per_day, keep_prev=keep_prev, replaced_code=replaced_code))


def _replacing(existing: LiveProgram, per_day: Decimal | None, *, keep_prev: bool, replaced_code: Volume | None) -> str:
    cost = for_a_day(per_day)
    said = f"Publish a program that takes over from {existing.program.item_hash}, {cost}"
    if keep_prev:
        return f"{said}, which goes on costing"
    gone = [existing.program.item_hash, *(each.item_hash for each in (replaced_code.versions if replaced_code else ()))]
    return f"{said}, and once it answers forget: {', '.join(gone)}"


def replace_program(
    session: Session,
    outbox: Outbox,
    existing: LiveProgram,
    content: Mapping[str, Any],
    *,
    keep_prev: bool,
    reason: str,
    replaced_code: Volume | None = None,
) -> Recreated:
    """Do what :func:`recreate` promises, when all has been checked.

    ``replaced_code`` is the old program's code that nothing uses once it is gone; it is forgotten with it.
    """
    old = existing.program
    if keep_prev:
        content = keeping(content, [old.item_hash])
    # A run that was cut off may have published it already.
    newer = (other for other in existing.others if other.time > old.time)
    item_hash = next((other.item_hash for other in newer if same_program(other.content, content)), None)
    item_hash = item_hash or outbox.deliver("PROGRAM", content, after=old).item_hash
    code = str(content["code"]["ref"]) if replaced_code is not None else None
    try:
        session.await_answer(item_hash, content)
    except HealthError as error:
        if not outbox.journal.knows(item_hash):
            error.hint = (
                f"Another machine has published it, so it stays, and so does the program before: {old.item_hash}"
            )
            raise
        groups = [([item_hash], FAILED)]
        if code is not None:
            groups.append(([code], FAILED))
        forget(session.client, outbox, existing.owner, groups)
        error.hint = f"It was forgotten again, and the program before is as it was: {old.item_hash}"
        raise
    if not keep_prev:
        _give_way(session, outbox, existing, item_hash, code)
        _move_domains(session, outbox, existing.owner, old.item_hash, item_hash)
    doomed: list[tuple[list[str], str]] = [] if keep_prev else [([old.item_hash], reason)]
    if doomed and replaced_code is not None:
        doomed.append(([version.item_hash for version in replaced_code.versions], reason))
    try:
        forgets = forget(session.client, outbox, existing.owner, doomed)
    except RejectedError:  # also where the other machine's program uses the code that was to be forgotten
        _give_way(session, outbox, existing, item_hash, code)
        raise
    if doomed:
        _give_way(session, outbox, existing, item_hash, code)
    urls = session.hosts.urls(item_hash)
    return Recreated(item_hash, old.item_hash, not keep_prev, urls, (item_hash, *forgets))


def _give_way(session: Session, outbox: Outbox, existing: LiveProgram, item_hash: str, code: str | None) -> None:
    """Look whether another machine has taken the old program away; if its own has taken over, take ours back.

    Ours stays where there is no other: then it is what that machine took for the successor, or the old one was deleted.

    Args:
        session: Who and where.
        outbox: Sends.
        existing: The old program.
        item_hash: Of the new one.
        code: Item hash of the code that was published for the new one alone.

    Raises:
        PlanError: Another machine has replaced or deleted it.
    """
    old = session.client.message(existing.program.item_hash)
    gone = old is None or not old.status.is_live
    ours = old is not None and any(outbox.journal.knows(each) for each in old.forgotten_by[:1])
    if not gone or ours or not outbox.journal.knows(item_hash):
        return
    known = {item_hash, *(other.item_hash for other in existing.others)}
    name = existing.content.get("metadata")
    others = (other for other in look_up(session.client, item_hash).others if other.item_hash not in known)
    later = (other for other in others if other.time > existing.program.time and other.content.get("metadata") == name)
    rival = next((other.item_hash for other in later), None)
    if rival is None:
        raise PlanError(
            f"Another machine has taken {existing.program.item_hash} away meanwhile: the new program is live",
            where=item_hash,
            hint=f"If it is not to be there, either: {typed('delete', item_hash)}.",
        )
    _move_domains(session, outbox, existing.owner, item_hash, rival)
    groups = [([item_hash], GAVE_WAY), *([([code], GAVE_WAY)] if code else [])]
    forget(session.client, outbox, existing.owner, groups)
    raise PlanError(
        f"Another machine has replaced {existing.program.item_hash} meanwhile, so the new program was forgotten again",
        where=rival,
        hint=f"{typed('list')} shows what is live.",
    )


def _move_domains(session: Session, outbox: Outbox, owner: str, old: str, new: str) -> None:
    names = names_of(session.client, owner, [old])
    if names:
        attach_domains(session.client, outbox, owner, names, new)
        session.notice(f"Custom domains point at {new}: {', '.join(names)}")


def same_program(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether a live program says what a new one would, its name included."""
    return not differences(live, wanted) and live.get("metadata") == wanted.get("metadata")


def set_persistent(
    session: Session,
    item_hash: str,
    *,
    persistent: bool,
    keep_prev: bool = False,
    allow_data_loss: bool = False,
    meant: Sequence[str] = (),
    others: bool = False,
    declared: bool = False,
) -> Recreated:
    """Replace a program by one that is the same but for its persistence; the item hash changes.

    ``meant`` and ``others`` say whose programs may be forgotten, as for :func:`.removal.delete`; ``declared`` that
    the project whose program it is says the same, as for :func:`check_recreatable`.

    Raises:
        PlanError: It is not there, another's, another project's, not updatable, or data would be lost.
        RejectedError: The network refuses the new one; the old one is as it was.
    """
    existing = look_up_for_replacement(session, item_hash)
    require_owner(session, existing.owner, existing.sender, item_hash, types=())
    if bool(existing.content["on"].get("persistent")) is persistent:
        return Recreated(item_hash, item_hash, forgotten=False, urls=session.hosts.urls(item_hash))
    if not keep_prev:
        check_named([existing.program], meant, others=others)
    check_recreatable(session, existing, allow_data_loss=allow_data_loss, keep_prev=keep_prev, declared=declared)
    content = persistence_change(existing.content, persistent=persistent)
    command = "persist" if persistent else "unpersist"
    reason = f"Program {command}ed"
    return recreate(session, existing, content, keep_prev=keep_prev, reason=reason, command=command)
