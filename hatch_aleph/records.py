"""What an account publishes beside programs: files, permissions to act for it; and the end of any of its messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.artifact import hash_file
from hatch_aleph.commands import typed
from hatch_aleph.defaults import DEFAULT_CHANNEL
from hatch_aleph.deploy.cleanup import farewell, forget
from hatch_aleph.deploy.preflight import check_permitted
from hatch_aleph.deploy.secrets import check_file
from hatch_aleph.deploy.state import refs_of
from hatch_aleph.errors import PlanError
from hatch_aleph.network.answers import LIVE, MACHINES
from hatch_aleph.network.authorizations import KEY, words_of
from hatch_aleph.network.messages import aggregate_content, store_content
from hatch_aleph.network.money import for_a_day
from hatch_aleph.network.transfer import choose_engine
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hatch_aleph.deploy.session import Session
    from hatch_aleph.network.answers import NetworkMessage
    from hatch_aleph.network.client import NodeClient

_SHA256_LENGTH = 64
_CREDIT = {"chain": "ETH", "type": "credit"}


@dataclass(frozen=True)
class Pinned:
    """A file that the network keeps.

    Attributes:
        item_hash: Of its STORE message: what programs and volumes name.
        file_hash: Of its bytes.
        size: In bytes; None when only its hash was known.
        uploaded: Whether the bytes were sent; the node may have had them.
    """

    item_hash: str
    file_hash: str
    size: int | None
    uploaded: bool


def upload_file(session: Session, file: Path, *, allow: Sequence[str] = (), scan: bool = True) -> Pinned:
    """Publish a file, whose bytes are sent only if the node lacks them.

    Args:
        session: Who and where.
        file: The file.
        allow: Names that only look like secrets (globs).
        scan: Look for secrets in it; the key that signs is looked for in any case.

    Raises:
        ArtifactError: It cannot be read.
        PlanError: A secret, or the key that signs, stands in it.
        RejectedError: The network does not take it, or it cannot be paid.
    """
    hashes = hash_file(file)
    session.observer.step("scan")
    check_file(file, session.account, allow, scan=scan)
    engine = choose_engine(hashes.size, session.client.limits())
    file_hash = hashes.name_on(engine)
    content = store_content(
        session.owner, file_hash, engine, payment=_CREDIT, metadata={"name": file.name, "sha256": hashes.sha256}
    )
    missing = not session.client.has_file(file_hash)
    cost = _cost(session, content, hashes.size)
    session.confirm(f"Publish {file.name}, {hashes.size:,} bytes, for everybody to read, {cost}")
    with session.sending(f"file:{file_hash}", DEFAULT_CHANNEL) as outbox:
        sent = outbox.deliver("STORE", content, file=file if missing else None)
    return Pinned(sent.item_hash, file_hash, hashes.size, missing)


def pin_file(session: Session, file_hash: str) -> Pinned:
    """Keep a file that a node has already, without its bytes.

    Raises:
        PlanError: The node does not have it.
        RejectedError: The network does not take it, or it cannot be paid.
    """
    if not session.client.has_file(file_hash):
        raise PlanError("The node has no such file", where=file_hash, hint=f"Upload it: {typed('file upload FILE')}.")
    engine: Any = "storage" if len(file_hash) == _SHA256_LENGTH else "ipfs"
    content = store_content(session.owner, file_hash, engine, payment=_CREDIT)
    session.confirm(f"Keep the file {file_hash}, {_cost(session, content, None)}")
    with session.sending(f"file:{file_hash}", DEFAULT_CHANNEL) as outbox:
        return Pinned(outbox.deliver("STORE", content).item_hash, file_hash, None, uploaded=False)


def files_of(client: NodeClient, owner: str) -> list[tuple[NetworkMessage, tuple[str, ...]]]:
    """Return the STORE messages of an owner, newest first, each with the live programs and instances that use it."""
    users: dict[str, list[str]] = {}
    for machine in client.messages(types=MACHINES, owners=(owner,), statuses=LIVE, verify=False):
        for ref in refs_of(machine.content):
            users.setdefault(ref, []).append(machine.item_hash)
    stores = client.messages(types=("STORE",), owners=(owner,), statuses=LIVE, verify=False)
    return [
        (store, tuple(each for ref in (store.content.get("ref"), store.item_hash) for each in users.get(str(ref), ())))
        for store in sorted(stores, key=lambda store: store.content_time, reverse=True)
    ]


def forget_messages(session: Session, hashes: Sequence[str], *, reason: str, only: str | None = None) -> list[str]:
    """Forget messages of the owner, after a question that names each; return the FORGET messages.

    Files that a live program or instance of the owner uses are refused here, whoever else's the network refuses.

    Args:
        session: Who and where.
        hashes: Item hashes.
        reason: Said to everybody.
        only: The type that they must have.

    Raises:
        PlanError: One is unknown, gone, another's, of another type, in use, or not this account's to forget. Nothing
            was sent.
    """
    messages = [_own(session, item_hash, only) for item_hash in hashes]
    for each in messages:
        asked = (session.client, session.account, session.owner, (each.type,), each.channel)
        check_permitted(*asked, key=each.content.get("key"))
    own = [each for each in messages if each.type == "STORE"]
    stores = {str(ref) for each in own for ref in (each.content.get("ref") or each.item_hash, each.item_hash)}
    leaving = set(hashes)
    if stores:
        for machine in session.client.messages(types=MACHINES, owners=(session.owner,), statuses=LIVE, verify=False):
            used = stores & refs_of(machine.content)
            if used and machine.item_hash not in leaving:
                raise PlanError(
                    f"The program {machine.item_hash} uses this file",
                    where=", ".join(sorted(used)),
                    hint=f"Delete the program first: {typed('delete', machine.item_hash)}.",
                )
    session.confirm(farewell(session.client, session.owner, [(each.type, each.item_hash) for each in messages]))
    # Programs before their files: the network keeps a file that a program uses.
    groups = [[each.item_hash for each in messages if (each.type in MACHINES) is first] for first in (True, False)]
    with session.sending(f"forget:{','.join(sorted(hashes))[:80]}", DEFAULT_CHANNEL) as outbox:
        return list(forget(session.client, outbox, session.owner, [(group, reason) for group in groups if group]))


def _own(session: Session, item_hash: str, only: str | None) -> NetworkMessage:
    message = session.client.message(item_hash)
    if message is None:
        raise PlanError("The network knows no such message", where=item_hash)
    if not message.status.is_live:
        raise PlanError(f"The message is {message.status.value}", where=item_hash)
    if message.owner.lower() != session.owner.lower():
        raise PlanError(f"The message belongs to {message.owner}, not to {session.owner}", where=item_hash)
    if only and message.type != only:
        raise PlanError(f"This is a {message.type}, not a {only}", where=item_hash)
    return message


def authorizations_of(client: NodeClient, owner: str) -> list[dict[str, Any]]:
    """Return the permissions that an owner has given, by its own signed messages."""
    given = client.aggregate(owner, (KEY,)).get(KEY, {}).get("authorizations")
    return [dict(each) for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def authorize(session: Session, entries: Sequence[dict[str, Any]], question: str) -> str:
    """Say anew, after a question, who may act for the account; return the message's item hash.

    One message says all of it, so the question lists all: a node may have shown an earlier state, of permissions that
    were taken back since.

    Raises:
        PlanError: The account is not the owner itself, who alone can say so.
    """
    if session.owner.lower() != session.account.address.lower():
        raise PlanError(f"Only {session.owner} itself can permit others to act for it", where=session.account.address)
    if any(str(each.get("address")).lower() == session.owner.lower() for each in entries):
        raise PlanError("An account needs no permission to act for itself", where=session.owner)
    lines = [printable(f"  {each.get('address')}  {words_of(each)}") for each in entries]
    session.confirm("\n".join([f"Who may act for {session.owner} then:", *lines, question] if lines else [question]))
    content = aggregate_content(session.owner, KEY, {"authorizations": list(entries)})
    with session.sending(KEY, DEFAULT_CHANNEL) as outbox:
        return outbox.deliver("AGGREGATE", content).item_hash


def _cost(session: Session, content: dict[str, Any], size: int | None) -> str:
    sizes = {} if size is None else {str(content["item_hash"]): size}
    price = session.client.estimate({**content, "time": 0.0}, "STORE", sizes)
    return for_a_day(None if price is None else price.per_day)
