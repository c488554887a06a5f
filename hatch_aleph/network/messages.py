"""Messages: their content, and signing apart from sending.

A message is the hash of its signed content, so a signed message can be kept, sent and sent again: it stays one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from hatch_aleph.errors import NetworkError, RejectedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .accounts import Account

MessageType = Literal["STORE", "PROGRAM", "FORGET", "AGGREGATE"]
Engine = Literal["storage", "ipfs"]

# Nodes refuse inline content above this (aleph-im/pyaleph, src/aleph/schemas/pending_messages.py).
MAX_INLINE_CHARACTERS = 200_000


@dataclass(frozen=True)
class SignedMessage:
    """A message that only needs to be sent.

    Attributes:
        type: STORE, PROGRAM, FORGET or AGGREGATE.
        item_hash: Its identity: sha256 of ``item_content``.
        sender: Address that signed it.
        chain: Chain of the signature.
        channel: Its channel; not signed.
        time: Seconds since 1970; not signed, the content has its own.
        item_content: The signed content as text.
        signature: Of chain, sender, type and item hash.
        item_type: Always ``inline``.
    """

    type: MessageType
    item_hash: str
    sender: str
    chain: str
    channel: str
    time: float
    item_content: str
    signature: str
    item_type: str = "inline"

    @property
    def content(self) -> dict[str, Any]:
        """The content, read from its text."""
        content: dict[str, Any] = json.loads(self.item_content)
        return content

    def to_json(self) -> dict[str, Any]:
        """Return the envelope as nodes take it and journals keep it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SignedMessage:
        """Read what :meth:`to_json` gave.

        Raises:
            NetworkError: A field is missing, or the content is not what the hash says.
        """
        try:
            message = cls(**{name: data[name] for name in cls.__dataclass_fields__})
            intact = _hash(message.item_content) == message.item_hash
        except (KeyError, TypeError, AttributeError) as error:
            raise NetworkError(f"A stored message is incomplete ({error})") from None
        if not intact:
            raise NetworkError("A stored message was changed: its content has another hash", where=message.item_hash)
        return message


def sign_message(
    account: Account, type_: MessageType, content: Mapping[str, Any], *, channel: str, time: float
) -> SignedMessage:
    """Check a content by the network's own model, and sign it.

    Args:
        account: Who signs; the content's ``address`` may be another that has permitted it.
        type_: Type of the message.
        content: With ``address`` and ``time``.
        channel: Channel to publish on.
        time: Seconds since 1970 of the envelope.

    Raises:
        RejectedError: Nodes would refuse the content.
        AccountError: The account does not sign.
    """
    check_content(type_, content)
    try:
        item_content = json.dumps(content, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RejectedError(f"The {type_} message cannot be written as JSON: {error}", code=0) from None
    if len(item_content) > MAX_INLINE_CHARACTERS:
        raise RejectedError(
            f"The {type_} message is too long: {len(item_content):,} of {MAX_INLINE_CHARACTERS:,} characters",
            hint="Shorten its metadata and variables; large data belongs in a volume.",
        )
    unsigned = {
        "type": type_,
        "chain": account.chain,
        "sender": account.address,
        "channel": channel,
        "time": time,
        "item_type": "inline",
        "item_content": item_content,
        "item_hash": _hash(item_content),
    }
    signed = account.sign(unsigned)
    return SignedMessage.from_json({**unsigned, "sender": signed["sender"], "signature": signed["signature"]})


def check_content(type_: MessageType, content: Mapping[str, Any]) -> None:
    """Refuse what the network's own model refuses, with every reason at once.

    Raises:
        RejectedError: With the network's code 0.
    """
    from .models import reasons_against  # a deployment with nothing to do needs none of it

    reasons = reasons_against(type_, content)
    if reasons:
        raise RejectedError(f"The network would not understand this {type_} message", hint="\n".join(reasons), code=0)


def store_content(
    address: str,
    file_hash: str,
    engine: Engine,
    *,
    payment: Mapping[str, Any] | None,
    time: float | None = None,
    ref: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the content of a STORE message.

    Args:
        address: Whose file it is.
        file_hash: Its sha256 for ``storage``, its CIDv0 for ``ipfs``.
        engine: Where the file is kept.
        payment: Such as ``{"chain": "ETH", "type": "credit"}``; none means hold to the network.
        time: Seconds since 1970; absent while whoever signs has yet to say it. For an amend later than the newest
            one's, since the newest time wins.
        ref: Item hash of the original STORE that this one amends.
        metadata: Anything; public.
        tags: Words that the message can be found by.
    """
    return _present(
        address=address,
        item_type=engine,
        item_hash=file_hash,
        time=time,
        payment=payment,
        ref=ref,
        metadata=metadata,
        tags=tags and list(tags),
    )


def forget_content(
    address: str, hashes: Sequence[str], *, time: float | None = None, reason: str | None = None
) -> dict[str, Any]:
    """Return the content of a FORGET message.

    Args:
        address: Whose messages they are.
        hashes: Item hashes to forget. A program and its STORE in one message are all refused: programs first.
        time: Seconds since 1970; absent while whoever signs has yet to say it.
        reason: Said to everybody.
    """
    return _present(address=address, time=time, hashes=list(hashes), aggregates=[], reason=reason)


def aggregate_content(
    address: str, key: str, content: Mapping[str, Any], *, time: float | None = None
) -> dict[str, Any]:
    """Return the content of an AGGREGATE message, which is merged into what the key holds."""
    return _present(address=address, time=time, key=key, content=dict(content))


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _hash(item_content: str) -> str:
    return hashlib.sha256(item_content.encode()).hexdigest()
