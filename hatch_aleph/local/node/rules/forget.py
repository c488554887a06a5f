"""FORGET: live messages are taken back by who could have sent them (pyaleph's ``handlers/content/forget.py``)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from hatch_aleph.local.node.ledger import message_of, read_content
from hatch_aleph.local.node.rejection import Code, RejectedMessageError, RetryMessageError
from hatch_aleph.local.node.rules import NodeState, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aleph_message.models import ForgetContent

    from hatch_aleph.local.node.envelope import Message


class ForgetRules(Rules):
    """Rules of FORGET messages. A FORGET that names several messages takes all of them or none."""

    def __init__(self, state: NodeState, others: Mapping[str, Rules]) -> None:
        super().__init__(state)
        self._others = others

    def permit(self, message: Message) -> None:
        """Check the sender against each target; the FORGET's own address says nothing."""
        for target in self._targets(message):
            status = self.state.database.value("SELECT status FROM statuses WHERE item_hash = ?", target)
            if status in ("forgotten", "rejected", "removed"):
                continue
            row = self.state.database.one("SELECT * FROM messages WHERE item_hash = ?", target)
            if row is None:
                raise RetryMessageError(Code.FORGET_TARGET_NOT_FOUND, {"message": target})
            if row["type"] == "FORGET":
                raise RejectedMessageError(Code.FORGET_FORGET, {"message": target})
            if not self.state.aggregates.could_have_sent(message.sender, row):
                text = (
                    f"Sender {message.sender} is not authorized to forget message {target} owned by {row['owner']}:"
                    " the sender could not have created this target under the owner's security aggregate"
                )
                raise RejectedMessageError(Code.PERMISSION_DENIED, text)

    def check(self, message: Message) -> None:
        """Each target must be live, and no live machine may use its file."""
        content = cast("ForgetContent", message.parsed)
        if not content.hashes and not content.aggregates:
            raise RejectedMessageError(Code.FORGET_NO_TARGET)
        database = self.state.database
        for target in content.hashes:
            if database.one("SELECT 1 FROM messages WHERE item_hash = ?", target) is None:
                raise RetryMessageError(Code.FORGET_TARGET_NOT_FOUND, {"message": target})
            user = database.value("SELECT item_hash FROM machine_refs WHERE ref = ? ORDER BY rowid", target)
            if user is not None:
                raise RejectedMessageError(Code.FORGET_NOT_ALLOWED, f"File {target} used on vm {user}")
        for key in content.aggregates:
            if not self.state.aggregates.elements(content.address, key):
                raise RetryMessageError(Code.FORGET_TARGET_NOT_FOUND, {"aggregate": key})

    def apply(self, message: Message, now: int) -> None:
        """Turn each target into what is left of a forgotten message, and undo what it did."""
        database = self.state.database
        for target in self._targets(message):
            row = database.one("SELECT * FROM messages WHERE item_hash = ?", target)
            if row is None:  # named twice, or by hash and by aggregate
                continue
            self._others[row["type"]].forget(read_content(message_of(row)), now)
            forgotten_by = json.dumps([message.item_hash])
            self.state.end_message(row, "forgotten", ended_at=message.time, forgotten_by=forgotten_by)

    def _targets(self, message: Message) -> list[str]:
        content = cast("ForgetContent", message.parsed)
        targets = [str(item_hash) for item_hash in content.hashes]
        for key in content.aggregates:
            targets += self.state.aggregates.elements(content.address, key)
        return targets
