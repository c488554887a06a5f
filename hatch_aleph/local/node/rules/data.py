"""AGGREGATE and POST: an address's dictionaries and entries (pyaleph's ``handlers/content/{aggregate,post}.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, Field, field_validator

from hatch_aleph.local.node.balances import CreditShare  # noqa: TC001 - pydantic reads it
from hatch_aleph.local.node.rejection import Code, RejectedMessageError, RetryMessageError
from hatch_aleph.local.node.rules import Rules
from hatch_aleph.local.node.times import to_micros

if TYPE_CHECKING:
    import sqlite3

    from aleph_message.models import AggregateContent, PostContent

    from hatch_aleph.local.node.envelope import Message


_CREDIT_CHANNEL = "ALEPH_CREDIT"


class _Shares(BaseModel):
    credits: list[CreditShare] = Field(min_length=1)

    @field_validator("credits")
    @classmethod
    def _once_each(cls, value: list[CreditShare]) -> list[CreditShare]:
        if len({share.address for share in value}) < len(value):
            raise ValueError("Duplicate recipient addresses are not allowed in a single transfer")
        return value


class _CreditTransfer(BaseModel):
    """The content of a transfer (``schemas/credit_transfer.py``)."""

    transfer: _Shares


class AggregateRules(Rules):
    """Rules of AGGREGATE messages."""

    def apply(self, message: Message, now: int) -> None:  # noqa: ARG002 - the signature of the other types
        """Merge the content into its aggregate."""
        content = cast("AggregateContent", message.parsed)
        self.state.aggregates.add(
            message.item_hash, content.address, str(content.key), content.content, to_micros(content.time)
        )

    def forget(self, message: Message, now: int) -> None:  # noqa: ARG002 - as above
        """Take the content out again."""
        self.state.aggregates.forget(message.item_hash)


class PostRules(Rules):
    """Rules of POST messages; only amends have any."""

    def permit(self, message: Message) -> None:
        """An amend is judged by its original: the same address, and a sender that could have posted it."""
        content = cast("PostContent", message.parsed)
        original = self._original(content) if content.type == "amend" else None
        if original is None:
            super().permit(message)
            return
        same_owner = original["owner"] == content.address
        if not (same_owner and self.state.aggregates.could_have_sent(message.sender, original)):
            text = f"Sender {message.sender} is not authorized to post on behalf of address {content.address}"
            raise RejectedMessageError(Code.PERMISSION_DENIED, text)

    def check(self, message: Message) -> None:
        """An amend needs its original, which may not be an amend."""
        content = cast("PostContent", message.parsed)
        if content.type != "amend":
            return
        original = self._original(content)
        if original is None:
            raise RetryMessageError(Code.POST_AMEND_TARGET_NOT_FOUND)
        if original["content_type"] == "amend":
            raise RejectedMessageError(Code.POST_AMEND_AMEND)

    def apply(self, message: Message, now: int) -> None:
        """Move credits, if that is what the post is for."""
        content = cast("PostContent", message.parsed)
        if content.type != "aleph_credit_transfer" or message.channel != _CREDIT_CHANNEL or not content.content:
            return
        try:
            transfer = _CreditTransfer.model_validate(content.content).transfer
        except ValueError as error:
            text = f"Invalid credit transfer content: {error}"
            raise RejectedMessageError(Code.INVALID_FORMAT, text) from error
        self.state.balances.transfer(str(content.address), transfer.credits, message.item_hash, to_micros(content.time))
        self.state.balances.settle(now)

    def _original(self, content: PostContent) -> sqlite3.Row | None:
        ref: Any = content.ref
        item_hash = ref if isinstance(ref, str) else getattr(ref, "item_hash", None)
        return self.state.database.one("SELECT * FROM messages WHERE item_hash = ? AND type = 'POST'", item_hash)
