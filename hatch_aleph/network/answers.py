"""What nodes answer, checked field by field and frozen.

Nothing that a node says is trusted to have its shape: each ``from_json`` raises a MalformedAnswerError, which the
transport turns into another try, and at last into one NetworkError.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from hatch_aleph.errors import NetworkError
from hatch_aleph.itemhash import FILE_HASH, ITEM_HASH

from .fields import MalformedAnswerError, as_decimal, as_list, as_mapping, as_text, as_time, parse_json, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


# Whose aggregates hold what the network says of itself: prices, and its runtimes in two of them.
NETWORK_OWNER = "0xFba561a84A537fCaa567bb7A2257e7142701ae2A"


class MessageStatus(str, Enum):
    """Where a message stands on a node (aleph-im/pyaleph, src/aleph/types/message_status.py)."""

    PENDING = "pending"
    PROCESSED = "processed"
    REJECTED = "rejected"
    FORGOTTEN = "forgotten"
    REMOVING = "removing"
    REMOVED = "removed"

    @property
    def is_live(self) -> bool:
        """Whether the message has taken effect and still has it."""
        return self in (MessageStatus.PROCESSED, MessageStatus.REMOVING)


# Statuses of what is there: a message that is being removed for want of credits comes back after a top-up.
LIVE = (MessageStatus.PROCESSED.value, MessageStatus.REMOVING.value)
# Of what was there, and of all that a node has judged.
ENDED = (MessageStatus.FORGOTTEN.value, MessageStatus.REMOVED.value)
SETTLED = (*LIVE, MessageStatus.FORGOTTEN.value, MessageStatus.REJECTED.value, MessageStatus.REMOVED.value)
# Verifiable programs, which nodes know since 0.10.3: paid by credit, never amended, run by confidential hosts alone.
V_PROGRAM = "V-PROGRAM"
# What refers to files, and keeps the network from forgetting them.
MACHINES = ("PROGRAM", "INSTANCE", V_PROGRAM)


@dataclass(frozen=True)
class NetworkMessage:
    """A message as a node knows it.

    Attributes:
        item_hash: Its identity.
        status: Where it stands.
        type: STORE, PROGRAM, FORGET, AGGREGATE, ...; empty for a removed message that the node has no record of.
        sender: Address that signed it.
        chain: Chain of the signature.
        signature: Of chain, sender, type and item hash.
        item_type: ``inline``, or the engine that keeps its content apart.
        channel: Its channel.
        time: Seconds since 1970 of the envelope.
        content: What was signed; empty for forgotten and removed messages.
        error_code: Why it was rejected, see :mod:`.rejections`.
        details: The network's own words and figures on the rejection.
        forgotten_by: Hashes of the FORGET messages.
        reason: Why it is being removed: ``credit_insufficient`` or ``balance_insufficient``.
        received: When this node received it first, as it writes it: texts that sort by time. Lists do not say it.
        envelope: All that the node said of it, in its form.
    """

    item_hash: str
    status: MessageStatus
    type: str = ""
    sender: str = ""
    chain: str = ""
    signature: str = field(default="", repr=False)
    item_type: str = "inline"
    channel: str = ""
    time: float = 0.0
    content: dict[str, Any] = field(default_factory=dict, hash=False)
    error_code: int | None = None
    details: Any = field(default=None, hash=False)
    forgotten_by: tuple[str, ...] = ()
    reason: str | None = None
    received: str = ""
    envelope: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def owner(self) -> str:
        """The address that the message acts for."""
        return str(self.content.get("address") or self.sender)

    @property
    def tags(self) -> frozenset[str]:
        """The tags that nodes find it by (extract_tags in aleph-im/pyaleph, src/aleph/db/models/messages.py)."""
        holder = self.content if self.type == "STORE" else self.content.get("metadata")
        tags = holder.get("tags") if isinstance(holder, dict) else None
        return frozenset(str(tag) for tag in tags) if isinstance(tags, list) else frozenset()

    @property
    def file_hash(self) -> str:
        """The hash of the file that a STORE names: sha256 or a CID, and so never a path.

        Raises:
            NetworkError: It names none.
        """
        value = str(self.content.get("item_hash"))
        if self.type != "STORE" or not FILE_HASH.fullmatch(value):
            raise NetworkError(f"The {self.type} message names no file", where=self.item_hash)
        return value

    @property
    def content_time(self) -> float:
        """The signed time, by which the newest amend wins."""
        time = self.content.get("time")
        return as_time(time) if isinstance(time, (int, float)) else self.time

    @classmethod
    def from_json(cls, data: Any, item_hash: str) -> NetworkMessage:
        """Read the answer of ``GET /api/v0/messages/{item_hash}``, which must be about that message."""
        answer = as_mapping(data)
        if answer.get("item_hash") != item_hash:
            raise MalformedAnswerError(f"asked for {item_hash}, got {shown(answer.get('item_hash'))}")
        status = as_status(answer.get("status"))
        envelope: Any = answer.get("message")
        if status is MessageStatus.PENDING:
            pending = as_list(answer.get("messages"))
            envelope = pending[0] if pending else {}
        return cls._read(
            as_mapping(envelope),
            status,
            item_hash=item_hash,
            error_code=answer.get("error_code"),
            details=answer.get("details"),
            forgotten_by=tuple(str(item) for item in as_list(answer.get("forgotten_by") or [])),
            reason=answer.get("reason"),
            received=str(answer.get("reception_time") or ""),
        )

    @classmethod
    def from_list(cls, data: Any, status: MessageStatus) -> NetworkMessage:
        """Read one entry of ``messages.json``, which does not say its status."""
        envelope = as_mapping(data)
        item_hash = as_text(envelope, "item_hash")
        if not ITEM_HASH.fullmatch(item_hash):
            raise MalformedAnswerError(f"{shown(item_hash)} is no item hash")
        return cls._read(envelope, status, item_hash=item_hash)

    @classmethod
    def _read(cls, envelope: Mapping[str, Any], status: MessageStatus, **known: Any) -> NetworkMessage:
        code = known.get("error_code")
        if code is not None and (isinstance(code, bool) or not isinstance(code, int)):
            raise MalformedAnswerError(f"error_code {code!r} is no number")
        reason = known.pop("reason", None)
        return cls(
            status=status,
            type=str(envelope.get("type") or ""),
            sender=str(envelope.get("sender") or ""),
            chain=str(envelope.get("chain") or ""),
            signature=str(envelope.get("signature") or ""),
            item_type=str(envelope.get("item_type") or "inline"),
            channel=str(envelope.get("channel") or ""),
            time=as_time(envelope.get("time")),
            content=_content(envelope, known["item_hash"], status),
            reason=str(reason) if reason is not None else None,
            envelope=envelope,
            **known,
        )


class Limits(NamedTuple):
    """The largest files that a node takes, in bytes. The defaults are those of pyaleph's own configuration."""

    storage: int = 100 * 1024**2
    ipfs: int = 1024**3

    @classmethod
    def from_json(cls, data: Any) -> Limits:
        """Read the answer of ``/api/v0/storage/limits.json``."""
        answer = as_mapping(data)
        return cls(
            storage=int(as_decimal(as_mapping(answer.get("storage")).get("max_file_size"))),
            ipfs=int(as_decimal(as_mapping(answer.get("ipfs")).get("max_upload_file_size"))),
        )


def _content(envelope: Mapping[str, Any], item_hash: str, status: MessageStatus) -> dict[str, Any]:
    """Return what was signed, checked by its hash, rather than what the node makes of it.

    A content that is kept apart is only what the node says until it is verified.
    """
    signed = envelope.get("item_content")
    if envelope.get("item_type") not in (None, "inline"):
        return dict(as_mapping(envelope.get("content") or {}))
    if not isinstance(signed, str):
        if status.is_live:
            raise MalformedAnswerError(f"the message {shown(item_hash)} is without its content")
        return {}
    if hashlib.sha256(signed.encode("utf-8", "replace")).hexdigest() != item_hash:
        raise MalformedAnswerError(f"the content of {shown(item_hash)} has another hash")
    try:
        return dict(as_mapping(parse_json(signed)))
    except ValueError:
        # A rejected message may hold anything.
        return {}


def as_status(value: Any) -> MessageStatus:
    """Return a status that is known."""
    try:
        return MessageStatus(value)
    except ValueError:
        raise MalformedAnswerError(f"unknown status {shown(value)}") from None


def read_runtimes(aggregates: Mapping[str, Any]) -> dict[str, str]:
    """Return the item hashes of program runtimes by name: what the SDK and aleph-rs publish.

    Their aggregates, ``runtimes`` and ``vm-images``, are edited by hand: entries of another shape are passed over.
    """
    found: dict[str, str] = {}
    for name, item_hash in (*_of_sdk(aggregates.get("runtimes")), *_of_rust(aggregates.get("vm-images"))):
        if isinstance(item_hash, str):
            found.setdefault(name, item_hash)
    return found


def _of_sdk(aggregate: Any) -> Iterator[tuple[str, Any]]:
    entries = aggregate.get("entries") if isinstance(aggregate, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("type") == "program":
            yield str(entry.get("name") or entry.get("id") or ""), entry.get("item_hash")


def _of_rust(aggregate: Any) -> Iterator[tuple[str, Any]]:
    entries = aggregate.get("runtimes") if isinstance(aggregate, dict) else None
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        if isinstance(entry, dict):
            yield str(name), entry.get("hash")
