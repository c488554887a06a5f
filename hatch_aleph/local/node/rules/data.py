"""AGGREGATE and POST: an address's dictionaries and entries (pyaleph's ``handlers/content/{aggregate,post}.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from hatch_aleph.local.node.rejection import Code, RejectedMessageError, RetryMessageError
from hatch_aleph.local.node.rules import Rules
from hatch_aleph.local.node.times import to_micros

if TYPE_CHECKING:
    import sqlite3

    from aleph_message.models import AggregateContent, PostContent

    from hatch_aleph.local.node.message import Message


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
        allowed = original["owner"] == content.address and self.state.aggregates.is_authorized(
            message.sender,
            original["owner"],
            chain=original["chain"],
            channel=original["channel"],
            type_="POST",
            detail=original["content_type"],
        )
        if not allowed:
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

    def _original(self, content: PostContent) -> sqlite3.Row | None:
        ref: Any = content.ref
        item_hash = ref if isinstance(ref, str) else getattr(ref, "item_hash", None)
        return self.state.database.one("SELECT * FROM messages WHERE item_hash = ? AND type = 'POST'", item_hash)
