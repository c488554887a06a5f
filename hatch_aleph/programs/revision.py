"""Update a program: new code in place, under the same item hash and URL; anything else by a program that takes over."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from hatch_aleph import runtimes
from hatch_aleph.deploy.comparison import differences
from hatch_aleph.deploy.journal import Run
from hatch_aleph.deploy.overlap import check_own
from hatch_aleph.deploy.payment import check_affordable, check_affordable_file, paid_for
from hatch_aleph.deploy.preflight import HARD_STOP, check_program
from hatch_aleph.deploy.secrets import check_outgoing_message
from hatch_aleph.deploy.session import require_owner
from hatch_aleph.deploy.state import NOTES, credit_payment, find_program, newest_amends
from hatch_aleph.errors import HealthError, PlanError, RejectedError
from hatch_aleph.files import scratch_folder
from hatch_aleph.network.messages import store_content
from hatch_aleph.network.money import with_earlier
from hatch_aleph.plugins import publishing
from hatch_aleph.programs.creation import CODE_TAG, checked, publish_code
from hatch_aleph.programs.program_code import Code, Encoding, check_secrets, prepare_code, try_here
from hatch_aleph.programs.replacement import (
    Recreated,
    check_recreatable,
    confirm_replacement,
    look_up_for_replacement,
    recreate,
    recreating,
    replace_program,
    same_program,
    without_time,
)
from hatch_aleph.settings.entry_points import is_command
from hatch_aleph.settings.program_message import program_content, settings_of, value_at, with_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hatch_aleph.deploy.journal import Journal
    from hatch_aleph.deploy.session import Session
    from hatch_aleph.deploy.state import Version, Volume
    from hatch_aleph.programs.live_programs import LiveProgram
    from hatch_aleph.settings import Settings
    from hatch_aleph.settings.model import Interface


# Why a change of these, which nobody asked for by name, takes another program.
_REASONS = {
    "code.encoding": "the new code is packed otherwise than the program's (give its folder, which is packed alike)",
    "code.entrypoint": "the program starts through the adapter, which an image or archive of yours does not hold (give "
    "its folder)",
    "code.use_latest": "the program is pinned to its code and follows no amends (use_latest is false)",
}


def update(
    session: Session,
    item_hash: str,
    path: Path | None,
    changes: Mapping[str, Any],
    *,
    replace: bool = False,
    keep_prev: bool = False,
    allow_data_loss: bool = False,
    scan: bool = True,
) -> Recreated:
    """Give a program new code, and say other things of it.

    A folder is packed as the program's code is, so that it can be amended in place.

    Args:
        session: Who and where.
        item_hash: Of the program.
        path: The new code; None keeps the old.
        changes: Keys of ``[tool.aleph]`` with their new values.
        replace: Let a new program, with a new item hash and URL, take over where the message itself must change.
        keep_prev: Keep a program that another one takes over from.
        allow_data_loss: Let go of persistent volumes.
        scan: Look for secrets in what is new; the key that signs is looked for in any case.

    Raises:
        PlanError: It is not there, another's, its code cannot be amended, or what is asked for takes another program.
        ProjectError: There is nothing that could run.
        RejectedError: The network refuses it; the program is as it was.
    """
    existing = look_up_for_replacement(session, item_hash)
    require_owner(
        session, existing.owner, existing.sender, item_hash, types=("STORE",) if path else (), channel=existing.channel
    )
    said, settings = _settings(settings_of(existing.content), changes)
    with scratch_folder() as folder:
        kept = value_at(existing.content, "code.encoding")
        packed_as: Encoding = "zip" if kept == "zip" else "squashfs"
        code = None
        if path is not None:
            code = prepare_code(path, settings, folder, notice=session.notice, packed_as=packed_as)
        file, encoding = (code.file, code.encoding) if code else (None, "squashfs")
        check_secrets(session, said, file, encoding, where=path or item_hash, scan=scan)
        content = _changed(existing.content, settings, changes, code)
        check_outgoing_message("PROGRAM", content, session.account)
        if content == without_time(existing.content):
            return _amend(session, existing, code)
        if not (replace and existing.content.get("allow_amend")):
            raise _needs_another(existing, content)
        check_recreatable(session, existing, allow_data_loss=allow_data_loss, keep_prev=keep_prev)
        content["payment"] = content["payment"] if "payment" in changes else credit_payment(content)
        if code is None:
            return recreate(session, existing, content, keep_prev=keep_prev, reason="Program updated", command="update")
        return _renew(session, existing, content, code, keep_prev=keep_prev)


def _settings(live: Settings, changes: Mapping[str, Any]) -> tuple[Settings, Settings]:
    """Return what the changes say alone, and the program's own settings under them."""
    entrypoint = str(changes.get("entrypoint") or live.entrypoint)
    interface: Interface = "executable" if is_command(entrypoint) else "auto"
    table = {"name": "program", **changes, "entrypoint": entrypoint, "interface": interface, "adapter": live.adapter}
    said = checked(table)
    names = {key.replace("-", "_") for key in changes} | {"entrypoint", "interface"}
    if "compute_units" in names:
        names |= {"vcpus", "memory"}
    return said, dataclasses.replace(live, **{name: getattr(said, name) for name in names})


def _changed(
    content: Mapping[str, Any], settings: Settings, changes: Iterable[str], code: Code | None
) -> dict[str, Any]:
    """Return the program's content with what the changes say, and no more."""
    runtime = runtimes.find(settings.runtime) or runtimes.DEFAULT
    bare = dataclasses.replace(settings, adapter=code.adapter if code else settings.adapter)
    encoding = code.encoding if code else str(content["code"]["encoding"])
    said = program_content(bare, runtime, name=settings.name or "", encoding=encoding)
    keys = {key.replace("-", "_") for key in changes}
    if "entrypoint" in keys:
        keys.add("interface")
    paths = []
    if code and code.encoding != content["code"]["encoding"]:
        paths.append("code.encoding")
    if code and code.adapter is not settings.adapter:
        paths.append("code.entrypoint")
    if code and not content["code"].get("use_latest"):
        paths.append("code.use_latest")  # code that follows no amends cannot change in place
    return with_settings(without_time(content), said, keys, paths=paths)


def _needs_another(existing: LiveProgram, content: Mapping[str, Any]) -> PlanError:
    """Return the error for a change that only another program can bring, with each reason."""
    reasons = [
        _REASONS.get(each.path) or f"{each.path} changes from {each.before} to {each.after}"
        for each in differences(existing.content, without_time(content))
    ] or ["its name changes"]
    message = "This takes another program, with another item hash and URL, since a message cannot change"
    hint = "Say `--replace` if that is meant: the old program is forgotten once the new one answers."
    if not existing.content.get("allow_amend"):
        message += ", and the program is not updatable: only its code can change"
        hint = "Create it anew with --updatable, or change [tool.aleph] and deploy if it is a project's."
    return PlanError("\n  ".join([f"{message}:", *reasons]), where=existing.program.item_hash, hint=hint)


def _amend(session: Session, existing: LiveProgram, code: Code | None) -> Recreated:
    """Give the code's volume a new content: item hash and URL stay."""
    item_hash = existing.program.item_hash
    urls = session.hosts.urls(item_hash)
    volume = existing.code
    if code is None:
        return Recreated(item_hash, item_hash, forgotten=False, urls=urls)
    if volume is None:
        raise PlanError(
            "The program's code cannot be amended: the original is gone, or another's",
            where=str(existing.content["code"].get("ref")),
            hint="Create the program anew, then delete this one.",
        )
    purpose = f"update:{item_hash}"
    payment = credit_payment(existing.content)
    published = volume.current.holds(code.hashes.sha256, code.hashes.cid)
    if published:
        journal = session.journal(session.folder, session.owner, purpose)
        if not journal.awaits_answer("code", volume.current.item_hash):
            return Recreated(item_hash, item_hash, forgotten=False, urls=urls)
        earlier = _answered_last(journal, volume).item_hash
        session.notice("Going on with what an earlier run left: it has sent the code and seen no answer")
        question = f"Ask the program {item_hash}, and put its earlier code ({earlier}) back if it does not answer"
    else:
        question = _tried(session, existing, volume, code, payment)
    session.confirm(question)
    publication = session.publication("update", item_hash, existing.content)
    with session.sending(purpose, existing.channel) as outbox, publishing(publication) as answers:
        before = _answered_last(outbox.journal, volume)
        outbox.journal.begin(Run(session.client.nodes[0], item_hash, {"code": before.item_hash}))
        ran, store = None, volume.current.item_hash
        if not published:
            ran = session.before_amend(item_hash, existing.content)
            try:
                store = publish_code(
                    session, outbox, code, payment, owner=existing.owner, ref=volume.ref, after=volume.current
                )
            except RejectedError:
                outbox.journal.end()
                raise
        try:
            session.await_answer(item_hash, existing.content, store, amended=True, before=ran)
        except HealthError as error:
            # An amend, not a FORGET of the last one: only amends make hosts stop what runs.
            find_program(session.client, item_hash)  # another machine may have replaced or deleted it
            newest = newest_amends(session.client, existing.owner, [volume.ref])
            check_own(newest.get(volume.ref), store)
            back = store_content(
                existing.owner,
                before.file_hash,
                before.engine,  # type: ignore[arg-type] # what the network has accepted before
                payment=payment,
                ref=volume.ref,
                metadata={NOTES: dict(before.notes)},
                tags=(CODE_TAG,),
            )
            outbox.deliver("STORE", back, after=newest.get(volume.ref))
            outbox.journal.end()
            error.hint = "The update was rolled back; the program has its earlier code again."
            raise
        outbox.journal.end()
        check_own(newest_amends(session.client, existing.owner, [volume.ref]).get(volume.ref), store)
        answers(item_hash, urls[0])
    return Recreated(item_hash, item_hash, forgotten=False, urls=urls, code=store)


def _tried(session: Session, existing: LiveProgram, volume: Volume, code: Code, payment: Mapping[str, Any]) -> str:
    """Try the code here, say what it does, and return what is to be confirmed before it is published."""
    sharing = [other.item_hash for other in existing.others if other.ref("code", "") == volume.ref]
    if sharing:
        session.notice(f"Other programs run the same code, and change with it: {', '.join(sharing)}")
    check_program(session.client, without_time(existing.content))
    added = check_affordable_file(session.client, existing.owner, code.hashes, payment)
    cost = with_earlier(added, paid_for(session.client, existing.owner, volume))
    try_here(session, code, existing.content)
    if value_at(existing.content, "on.persistent"):
        session.notice(HARD_STOP)
    item_hash = existing.program.item_hash
    return f"Give the program {item_hash} this code, {cost}; it is stopped once"


def _answered_last(journal: Journal, volume: Volume) -> Version:
    """Return the code that goes back if the new one does not answer: what ran before a run that was cut off.

    The note of such a run says nothing any more once another machine has sent newer code.
    """
    if journal.run is not None and journal.knows(volume.current.item_hash):
        noted = journal.run.images.get("code")
        return next((each for each in volume.versions if each.item_hash == noted), volume.current)
    journal.end()
    return volume.current


def _renew(
    session: Session, existing: LiveProgram, content: dict[str, Any], code: Code, *, keep_prev: bool
) -> Recreated:
    """Publish code and program anew; the old program runs its own code until it is forgotten."""
    content["code"] = {**content["code"], "ref": None}
    check_program(session.client, content)
    per_day = check_affordable(session.client, content, code.hashes)
    try_here(session, code, content)
    item_hash, old = existing.program.item_hash, existing.code
    replaced = None if old is None or old.ref in existing.used_elsewhere else old
    confirm_replacement(session, existing, per_day, keep_prev=keep_prev, replaced_code=replaced)
    with (
        session.sending(recreating(item_hash), existing.channel) as outbox,
        publishing(session.publication("update", item_hash, content)) as answers,
    ):
        ref = _published_before(session, existing, content, code) or publish_code(
            session, outbox, code, content["payment"], owner=existing.owner
        )
        content["code"] = {**content["code"], "ref": ref}
        done = replace_program(
            session,
            outbox,
            existing,
            content,
            keep_prev=keep_prev,
            reason="Program updated",
            replaced_code=replaced,
        )
        answers(done.item_hash, done.urls[0])
    return dataclasses.replace(done, code=ref)


def _published_before(session: Session, existing: LiveProgram, content: Mapping[str, Any], code: Code) -> str | None:
    """Return the code of a program that a run which was cut off has already published to take over."""
    for other in existing.others:
        ref = other.ref("code", "")
        there = {**content, "code": {**content["code"], "ref": ref}}
        if ref is None or other.time <= existing.program.time or not same_program(other.content, there):
            continue
        stored = session.client.newest_content(ref)
        if stored is not None and stored.file_hash in (code.hashes.sha256, code.hashes.cid):
            return ref
    return None
