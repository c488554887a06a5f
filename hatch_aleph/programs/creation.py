"""Create a program from a folder, an image or an archive, without a project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph import runtimes
from hatch_aleph.commands import typed
from hatch_aleph.deploy.payment import check_affordable
from hatch_aleph.deploy.preflight import EVENTS, check_permitted, check_program
from hatch_aleph.deploy.secrets import check_outgoing_message
from hatch_aleph.deploy.state import NOTES, refs_of
from hatch_aleph.errors import HatchAlephError, HealthError, UsageError
from hatch_aleph.files import scratch_folder
from hatch_aleph.network.answers import LIVE, MACHINES, MessageStatus
from hatch_aleph.network.messages import store_content
from hatch_aleph.network.money import for_a_day
from hatch_aleph.network.transfer import choose_engine
from hatch_aleph.plugins import publishing
from hatch_aleph.programs.program_code import Code, check_secrets, prepare_code, try_here
from hatch_aleph.settings.load import read_settings
from hatch_aleph.settings.parse import dotted, mistakes
from hatch_aleph.settings.program_message import adapter_remark, program_content
from hatch_aleph.squashfs.pool import in_background

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal
    from pathlib import Path

    from hatch_aleph.deploy.outbox import Dated, Outbox
    from hatch_aleph.deploy.session import Session
    from hatch_aleph.network.answers import NetworkMessage
    from hatch_aleph.programs.program_code import Code
    from hatch_aleph.settings import Settings
    from hatch_aleph.settings.parse import Path as KeyPath


@dataclass(frozen=True)
class Created:
    """A program that was published.

    Attributes:
        item_hash: Of the program.
        code: Item hash of its code's STORE message.
        urls: Where it answers, the one to show first.
        per_day: What it costs in a day, in credits; None when the node gives no estimate.
    """

    item_hash: str
    code: str
    urls: tuple[str, ...]
    per_day: Decimal | None


def create(session: Session, path: Path, settings: Settings, *, scan: bool = True) -> Created:
    """Check everything, publish the code, wait for it, publish the program, wait for it.

    Args:
        session: Who and where.
        path: A folder, a ``.squashfs`` image or a ``.zip`` archive.
        settings: What it is to be; with a name.
        scan: Look for secrets in it; the key that signs is looked for in any case.

    Raises:
        ProjectError: There is nothing that could run.
        ImageError: The code cannot be read, packed or is too large.
        PlanError: The runtime or a volume is not there, or something looks like a secret.
        RejectedError: The network refuses it, or would: nothing was sent if so.
        HealthError: It does not answer, here (nothing was sent) or once published.
    """
    with scratch_folder() as folder:
        code = prepare_code(path, settings, folder, notice=session.notice)
        content = content_of(session, settings, code)
        check_secrets(session, settings, code.file, code.encoding, where=path, scan=scan)
        check_outgoing_message("PROGRAM", content, session.account)
        if settings.variables:
            session.notice(f"Environment variables are public for ever: {', '.join(sorted(settings.variables))}")
        if settings.subscriptions:
            session.notice(EVENTS)
        per_day = _tried_and_checked(session, code, content, settings.channel)
        remark = adapter_remark(content)
        if remark:
            session.notice(f"{remark}.")
        cost = for_a_day(per_day)
        session.announce(f"Publish the program {settings.name} {cost}, its code included")
        with (
            session.sending(f"create:{settings.name}", settings.channel) as outbox,
            publishing(session.publication("create", content=content)) as answers,
        ):
            ref = publish_code(session, outbox, code, content["payment"], owner=session.owner)
            content["code"] = {**content["code"], "ref": ref}
            item_hash = outbox.deliver("PROGRAM", content).item_hash
            urls = session.hosts.urls(item_hash)
            try:
                session.await_answer(item_hash, content, ref)
            except HealthError as error:
                error.hint = (
                    f"It stays published. Give it better code under the same URL: {typed(f'update {item_hash} PATH')}; "
                    f"or {typed(f'delete {item_hash}')}."
                )
                raise
            answers(item_hash, urls[0])
    return Created(item_hash, ref, urls, per_day)


def _tried_and_checked(session: Session, code: Code, content: Mapping[str, Any], channel: str) -> Decimal | None:
    """Run code here and ask the node about it meanwhile, and return its cost: a trial waits for a process most of it.

    Raises:
        PlanError: As :func:`create`; what the node says comes before what the trial says, and ends the trial.
    """

    def check() -> Decimal | None:
        check_program(session.client, content)
        check_permitted(session.client, session.account, session.owner, ("STORE", "PROGRAM"), channel)
        return check_affordable(session.client, content, code.hashes)

    checked_beside = in_background(check)
    try:
        try_here(session, code, content, checked_beside)
    except HatchAlephError:
        checked_beside.result()
        raise
    per_day: Decimal | None = checked_beside.result()
    return per_day


def content_of(session: Session, settings: Settings, code: Code) -> dict[str, Any]:
    """Return the content of the PROGRAM message, without the code's ref."""
    import dataclasses

    runtime = runtimes.chosen(settings.runtime, settings.python)

    # An image or archive comes as it is: the adapter goes only into what is packed here.
    bare = dataclasses.replace(settings, adapter=code.adapter)
    content = program_content(bare, runtime, name=str(settings.name), encoding=code.encoding)
    return {**content, "address": session.owner}


CODE_TAG = "hatch-aleph-code"


def publish_code(
    session: Session,
    outbox: Outbox,
    code: Code,
    payment: Mapping[str, Any],
    *,
    owner: str,
    ref: str | None = None,
    after: Dated | None = None,
    tag: str = CODE_TAG,
    notes: Mapping[str, Any] | None = None,
) -> str:
    """Publish code, or take what an earlier run left, and return the item hash of its STORE message.

    Args:
        session: Who and where.
        outbox: Sends.
        code: The file.
        payment: How it is paid.
        owner: Whose it is.
        ref: Item hash of the original that it amends.
        after: What an amend must be later than.
        tag: What it is found by.
        notes: Beside its hashes in the message's metadata; by default that it is code.
    """
    waiting = None if ref else _waiting(session, code, owner, tag)
    if waiting:
        session.notice(f"It is there already, and no program uses it: {waiting}")
        return waiting
    engine = choose_engine(code.hashes.size, session.client.limits())
    file_hash = code.hashes.name_on(engine)
    said = {
        **(notes or {"role": "code"}),
        "sha256": code.hashes.sha256,
        "cid": code.hashes.cid,
        "size": code.hashes.size,
        "encoding": code.encoding,
    }
    content = store_content(owner, file_hash, engine, payment=payment, ref=ref, metadata={NOTES: said}, tags=(tag,))
    upload = not session.client.has_file(file_hash)
    return outbox.deliver("STORE", content, after=after, file=code.file if upload else None).item_hash


def _waiting(session: Session, code: Code, owner: str, tag: str) -> str | None:
    """Return a file with these bytes that no program uses: left by a run that was cut off or refused half-way."""

    def fits(message: NetworkMessage | None) -> bool:
        return (
            message is not None
            and message.status is MessageStatus.PROCESSED
            and message.owner == owner
            and message.content.get("ref") is None
            and message.content.get("item_hash") in (code.hashes.sha256, code.hashes.cid)
        )

    # Of all that an account has published only what would be used is verified: a lie about the rest costs an upload.
    stores = session.client.messages(types=("STORE",), owners=(owner,), tags=(tag,), strict=False, verify=False)
    fitting = [message.item_hash for message in stores if fits(message)]
    if not fitting:
        return None
    machines = session.client.messages(types=MACHINES, owners=(owner,), statuses=LIVE, verify=False)
    used = frozenset().union(*(refs_of(message.content) for message in machines))
    amends = session.client.messages(types=("STORE",), refs=fitting, verify=False)
    taken = used | {str(message.content.get("ref")) for message in amends}
    return next((each for each in fitting if each not in taken and fits(session.client.message(each))), None)


def checked(table: Mapping[str, Any]) -> Settings:
    """Check a table of settings that the command line gave.

    Raises:
        UsageError: With all mistakes at once, each under the name of its option.
    """
    settings, problems = read_settings(table, packages=False)
    if settings is None:
        raise UsageError(mistakes(problems, "on the command line", _as_option))
    return settings


# Options whose names are not those of the keys.
_OPTIONS: dict[KeyPath, str] = {
    ("entrypoint",): "ENTRYPOINT",
    ("payment", "chain"): "--payment-chain",
    ("allow-links",): "--allow-link",
    ("secrets", "allow"): "--allow-secret",
    ("variables",): "--env-vars",
    ("volumes", "ephemeral"): "--ephemeral-volume",
    ("volumes", "immutable"): "--immutable-volume",
    ("volumes", "persistent"): "--persistent-volume",
}


def _as_option(path: KeyPath) -> str:
    for length in range(len(path), 0, -1):
        if path[:length] in _OPTIONS:
            return dotted((_OPTIONS[path[:length]], *path[length:]))
    return f"--{dotted(path)}"
