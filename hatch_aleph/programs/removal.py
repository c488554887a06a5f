"""Delete a program: first the program, and when it is gone the files that nothing else of the owner needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_aleph.defaults import DEFAULT_CHANNEL
from hatch_aleph.deploy.cleanup import farewell, forget, refused_before, what_of
from hatch_aleph.deploy.custom_domains import detach_domains, moving
from hatch_aleph.deploy.health import listing_host
from hatch_aleph.deploy.preflight import check_permitted
from hatch_aleph.deploy.session import require_owner
from hatch_aleph.deploy.state import check_named, live_among
from hatch_aleph.errors import PlanError
from hatch_aleph.plugins import publishing
from hatch_aleph.programs.live_programs import look_up
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hatch_aleph.deploy.deployment import Deployment
    from hatch_aleph.deploy.session import Session
    from hatch_aleph.deploy.state import Program, Volume
    from hatch_aleph.errors import RejectedError
    from hatch_aleph.programs.live_programs import LiveProgram

_DETACHED = "are detached first"


@dataclass(frozen=True)
class Deleted:
    """What is gone.

    Attributes:
        program: Item hash of the program; of a deployment all of its, with commas.
        volumes: Item hashes of the files' originals that went with it.
        kept: Item hashes of files that another program of the owner uses.
        messages: Item hashes of the FORGET messages.
        hosts: Where its programs ran, as far as that was asked for and is known.
    """

    program: str
    volumes: tuple[str, ...]
    kept: tuple[str, ...]
    messages: tuple[str, ...]
    hosts: Mapping[str, str | None] = field(default_factory=dict)


def delete(
    session: Session,
    item_hash: str,
    *,
    keep_code: bool = False,
    reason: str = "User deletion",
    missing_ok: bool = False,
    meant: Sequence[str] = (),
    others: bool = False,
    locate: bool = False,
) -> Deleted:
    """Forget a program, wait until it is gone, then forget its code and the packages that were built for it.

    Custom domains that point at it are detached first.

    Amends are forgotten with their original: each is a pinned file that goes on costing. Files that another live
    program of the owner uses are kept, and so is every volume that this tool has not made for the program.

    Args:
        session: Who and where.
        item_hash: Of the program.
        keep_code: Keep the files.
        reason: Said to everybody.
        missing_ok: Accept that there is no such live program.
        meant: Name of the project that is at hand, and what its programs are called; nothing for none.
        others: Accept that the program is another project's, or of none and called otherwise.
        locate: Find out where it runs, to see it end.

    Raises:
        PlanError: There is no such live program, or it is another's, or another project's.
        RejectedError: The network refuses it.
    """
    purpose = f"delete:{item_hash}"
    try:
        existing = look_up(session.client, item_hash)
    except PlanError:
        finished = session.finish(purpose)
        left = {} if finished or keep_code else refused_before(session.client, session.journal_of(purpose))
        if left:
            return _forget_refused(session, item_hash, left, reason)
        if not finished and missing_ok and not live_among(session.client, [item_hash]):
            return Deleted("", (), (), ())
        if not finished:
            raise
        gone = (target for message in finished for target in message.content["hashes"])
        return Deleted(item_hash, tuple(gone), (), tuple(message.item_hash for message in finished))
    check_named([existing.program], meant, others=others)
    made = [] if keep_code else list(_made_for(existing))
    kept = tuple(volume.ref for volume in made if volume.is_among(existing.used_elsewhere))
    doomed = [volume for volume in made if volume.ref not in kept]
    types = ("PROGRAM", "STORE") if doomed else ("PROGRAM",)
    require_owner(session, existing.owner, existing.sender, item_hash, types=types, channel=existing.channel)
    groups = [([item_hash], reason)]
    if doomed:
        hashes = [version.item_hash for volume in doomed for version in volume.versions]
        groups.append((hashes, f"Deletion of program {item_hash}"))
    domains = moving(session, existing.channel, [item_hash], _DETACHED, existing.owner)
    named = [_named(existing.program), *(each for volume in doomed for each in what_of(volume))]
    session.confirm(farewell(session.client, existing.owner, named))
    hosts = _hosts_of(session, [existing.program] if locate else ())
    publication = session.publication("delete", item_hash, existing.content)
    with session.sending(purpose, existing.channel) as outbox, publishing(publication) as answers:
        if domains:
            detach_domains(session.client, outbox, existing.owner, domains)
        messages = forget(session.client, outbox, existing.owner, groups)
        answers(item_hash, "")
    return Deleted(item_hash, tuple(volume.ref for volume in doomed), kept, messages, hosts)


def _forget_refused(session: Session, item_hash: str, left: Mapping[str, RejectedError | None], reason: str) -> Deleted:
    """Forget what the network refused at an earlier run, now that no other program uses it.

    Raises:
        RejectedError: One still does; nothing is signed for that file.
    """
    free = [each for each, error in left.items() if error is None]
    if free:
        session.confirm(f"Forget for ever what an earlier run had to leave: {', '.join(free)}")
    with session.sending(f"delete:{item_hash}", DEFAULT_CHANNEL) as outbox:
        messages = forget(session.client, outbox, session.owner, [(sorted(left), reason)])
    return Deleted(item_hash, tuple(left), (), messages)


def delete_deployment(
    target: Deployment,
    session: Session,
    *,
    confirm: Callable[[str, tuple[str, ...]], None] = lambda _what, _hashes: None,
    keep_code: bool = False,
    reason: str = "User deletion",
    missing_ok: bool = False,
    others: bool = False,
    locate: bool = False,
) -> Deleted:
    """Forget all that is live of a deployment: programs, and then the files that nothing else of the owner uses.

    Custom domains that point at its programs are detached first.

    Args:
        target: The deployment.
        session: Who signs.
        confirm: Is shown what will be forgotten, in words and by item hash; raises if it is to stay.
        keep_code: Keep the files.
        reason: Said to everybody.
        missing_ok: Accept that nothing of it is live.
        others: Accept that one is named as another project's.
        locate: Find out where its programs run, to see them end.

    Raises:
        PlanError: Nothing of it is live, or one is another project's.
        RejectedError: The network refuses it.
    """
    with session.deploying(target.tag, target.channel, ()) as outbox:  # there may be nothing to be permitted
        state = target.state()
        if not (state.programs or state.volumes or state.orphans):
            if missing_ok:
                return Deleted("", (), (), ())
            raise PlanError(
                "Nothing of this project is live",
                where=f"{target.owner}, {target.tag}",
                hint="Check --profile and --node.",
            )
        if state.kept:
            session.notice(f"Kept by --keep-prev, so it stays: {', '.join(each.item_hash for each in state.kept)}")
        check_named(state.programs, target.names, others=others)
        programs = [program.item_hash for program in state.programs]
        volumes = [] if keep_code else list(state.volumes.values())
        kept = tuple(volume.ref for volume in volumes if volume.is_among(state.used_elsewhere))
        doomed = [volume for volume in volumes if volume.ref not in kept]
        named = [each for volume in doomed for each in what_of(volume)]
        if not keep_code:
            named += [("content without its original", version.item_hash) for version in state.orphans]
        hashes = [item_hash for _, item_hash in named]
        types = (*(("PROGRAM",) if programs else ()), *(("STORE",) if hashes else ()))
        check_permitted(session.client, session.account, target.owner, types, target.channel)
        domains = moving(session, target.channel, programs, _DETACHED)
        told = farewell(target.client, target.owner, [*map(_named, state.programs), *named])
        confirm(told, (*programs, *hashes))
        hosts = _hosts_of(session, state.programs if locate else ())
        gone = ", ".join(programs)
        with publishing(session.publication("delete", gone)) as answers:
            if domains:
                detach_domains(target.client, outbox, target.owner, domains)
            messages = forget(target.client, outbox, target.owner, [(programs, reason), (hashes, reason)])
            answers(gone, "")
        outbox.discard_unsent()
        outbox.journal.end()
    return Deleted(gone, tuple(volume.ref for volume in doomed), kept, messages, hosts)


def _hosts_of(session: Session, programs: Iterable[Program]) -> dict[str, str | None]:
    """Return where programs run, asked before they are forgotten: then the scheduler has no host for them."""
    return {
        each.item_hash: listing_host(session.hosts, each.item_hash, persistent=each.persistent) for each in programs
    }


def _named(program: Program) -> tuple[str, str]:
    name = (program.content.get("metadata") or {}).get("name")
    return f"program {printable(str(name))}" if name else "program", program.item_hash


def _made_for(existing: LiveProgram) -> Iterable[Volume]:
    code = existing.code
    if code is not None:
        yield code
    for volume in existing.volumes.values():
        # "volume": published by itself, for any program; it stays.
        if volume is not code and volume.role not in (None, "code", "volume"):
            yield volume
