"""Code on its way to the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_aleph.deploy.naming import NOTES
from hatch_aleph.deploy.state import LIVE, refs_of
from hatch_aleph.network.messages import store_content
from hatch_aleph.network.transfer import choose_engine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_aleph.deploy.sender import Sender
    from hatch_aleph.programs.code import Code
    from hatch_aleph.programs.session import Session

_TAG = "hatch-aleph-code"


def publish_code(
    session: Session,
    sender: Sender,
    code: Code,
    payment: Mapping[str, Any],
    *,
    owner: str,
    ref: str | None = None,
    after: float = 0.0,
) -> str:
    """Publish code, or take what an earlier run left, and return the item hash of its STORE message.

    Args:
        session: Who and where.
        sender: Sends.
        code: The file.
        payment: How it is paid.
        owner: Whose it is.
        ref: Item hash of the original that it amends.
        after: Time that an amend must be later than.
    """
    waiting = None if ref else _waiting(session, code, owner)
    if waiting:
        session.notice(f"The code is there already, and no program uses it: {waiting}")
        return waiting
    engine = choose_engine(code.hashes.size, session.client.limits())
    file_hash = code.hashes.name_on(engine)
    notes = {
        "role": "code",
        "sha256": code.hashes.sha256,
        "cid": code.hashes.cid,
        "size": code.hashes.size,
        "encoding": code.encoding,
    }
    content = store_content(owner, file_hash, engine, payment=payment, ref=ref, metadata={NOTES: notes}, tags=(_TAG,))
    upload = not session.client.has_file(file_hash)
    return sender.deliver("STORE", content, after=after, file=code.file if upload else None).item_hash


def _waiting(session: Session, code: Code, owner: str) -> str | None:
    """Return code with these bytes that no program uses: left by a run that was cut off or refused half-way."""
    stores = session.client.messages(types=("STORE",), owners=(owner,), tags=(_TAG,))
    fitting = [
        message.item_hash
        for message in stores
        if message.owner == owner
        and message.content.get("ref") is None
        and message.content.get("item_hash") in (code.hashes.sha256, code.hashes.cid)
    ]
    if not fitting:
        return None
    machines = session.client.messages(types=("PROGRAM", "INSTANCE"), owners=(owner,), statuses=LIVE)
    used = frozenset().union(*(refs_of(message.content) for message in machines))
    amended = {str(message.content.get("ref")) for message in session.client.messages(types=("STORE",), refs=fitting)}
    return next((each for each in fitting if each not in used | amended), None)
