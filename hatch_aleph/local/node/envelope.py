"""Messages as they come in: the envelope, and the content the network's own models check.

The order of checks and what each leads to follow aleph-im/pyaleph, ``src/aleph/schemas/pending_messages.py``: a
request that holds no well-formed message is refused (HTTP 422) and leaves no trace.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from aleph_message.models import (
    AggregateContent,
    BaseContent,
    Chain,
    ForgetContent,
    InstanceContent,
    ItemHash,
    ItemType,
    PostContent,
    ProgramContent,
    StoreContent,
    VerifiableProgramContent,
)
from pydantic import BaseModel, ConfigDict

from hatch_aleph.local.node.limits import INLINE_LIMIT
from hatch_aleph.local.node.rejection import Code, MalformedMessageError, RejectedMessageError
from hatch_aleph.local.node.times import to_micros, to_seconds
from hatch_aleph.network.fields import parse_json
from hatch_aleph.network.signatures import is_signed

CONTENT_MODELS: dict[str, type[BaseContent]] = {
    "AGGREGATE": AggregateContent,
    "FORGET": ForgetContent,
    "INSTANCE": InstanceContent,
    "POST": PostContent,
    "PROGRAM": ProgramContent,
    "STORE": StoreContent,
    "V-PROGRAM": VerifiableProgramContent,
}


# What a message says beside its content, in requests and in the database.
ENVELOPE = (
    "item_hash", "type", "chain", "sender", "signature", "item_type", "item_content", "time", "channel",
)  # fmt: skip


@dataclass(frozen=True)
class Message:
    """One message; ``content`` and ``parsed`` are None until a message stored as a file is read."""

    item_hash: str
    type: str
    chain: str
    sender: str
    signature: str | None
    item_type: str
    item_content: str | None
    time: int
    channel: str | None
    content: dict[str, Any] | None = None
    parsed: BaseContent | None = field(default=None, compare=False)

    @property
    def seconds(self) -> float:
        """The time the sender gave, in seconds."""
        return to_seconds(self.time)

    @property
    def is_signed(self) -> bool:
        """Whether the sender signed it."""
        return is_signed(self.chain, self.sender, self.type, self.item_hash, self.signature)

    @property
    def envelope(self) -> dict[str, Any]:
        """All but the content, as the database keeps it."""
        return {name: getattr(self, name) for name in ENVELOPE}

    def wire(self) -> dict[str, Any]:
        """Write it as it travels, with its content; this is what a pending or rejected message shows."""
        return {**self.envelope, "time": self.seconds, "content": self.content}


def read_message(raw: Any) -> Message:
    """Check a message's form and load its inline content.

    Raises:
        MalformedMessageError: It is not a well-formed message.
    """
    try:
        return _read(raw)
    except (ValueError, TypeError, KeyError, RecursionError) as error:  # pydantic's errors are ValueErrors
        raise MalformedMessageError(str(error)) from error


class _Raw(BaseModel):
    """A message as it comes in."""

    model_config = ConfigDict(strict=True)

    item_hash: str
    type: str
    chain: str
    sender: str
    signature: str | None = None
    item_type: str | None = None
    item_content: str | None = None
    time: float
    channel: str | None = None


def _read(raw: Any) -> Message:
    said = _Raw.model_validate(raw)
    "".join(map(str, said.model_dump().values())).encode()  # a lone surrogate cannot be stored, nor was it signed
    if said.type not in CONTENT_MODELS:
        raise ValueError(f"unknown message type {said.type!r}")
    item_hash, item_content, item_type = said.item_hash, said.item_content, said.item_type
    if item_type is None:
        item_type = "inline" if item_content is not None else ItemHash(item_hash).item_type.value
    content, parsed = None, None
    if ItemType(item_type) is ItemType.inline:
        content = _inline_content(item_hash, item_content)
        parsed = check_content(said.type, content)
    elif item_content is not None:
        raise ValueError(f"a message of type {item_type} has no item_content")
    elif ItemHash(item_hash).item_type.value != item_type:
        raise ValueError(f"item_hash is not of type {item_type}")
    chain, time = Chain(said.chain).value, to_micros(said.time)
    envelope = said.model_dump() | {"chain": chain, "item_type": item_type, "time": time}
    return Message(**envelope, content=content, parsed=parsed)


def _inline_content(item_hash: str, item_content: str | None) -> dict[str, Any]:
    if item_content is None:
        raise ValueError("an inline message has item_content")
    if len(item_content) > INLINE_LIMIT:
        raise ValueError("message too long")
    if hashlib.sha256(item_content.encode()).hexdigest() != item_hash:
        raise ValueError("item_hash is not the sha256 of item_content")
    content = parse_json(item_content)
    if not isinstance(content, dict):
        raise TypeError("content is a JSON object")
    return content


def check_content(message_type: str, content: dict[str, Any]) -> BaseContent:
    """Validate content by the network's model of its type.

    Raises:
        ValueError: The model refuses it, or its time is none.
    """
    parsed = CONTENT_MODELS[message_type].model_validate(content)
    to_micros(parsed.time)
    return parsed


def complete_content(message: Message, text: bytes) -> tuple[dict[str, Any], BaseContent]:
    """Read the content of a message that was stored as a file; address and time default to the envelope's.

    Raises:
        RejectedMessageError: The file is no content of that type.
    """
    try:
        content = dict(parse_json(text))
        if content.get("address") is None:
            content["address"] = message.sender
        if content.get("time") is None:
            content["time"] = message.seconds
        return content, check_content(message.type, content)
    except (ValueError, TypeError) as error:
        raise RejectedMessageError(Code.INVALID_FORMAT, str(error)) from error
