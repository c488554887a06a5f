"""STORE: an owner keeps a file, as an original or as an amend of one (pyaleph's ``handlers/content/store.py``)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, cast

from aleph_message.models import ItemHash, StoreContent

from hatch_aleph.local.node.costs import payment_type, total
from hatch_aleph.local.node.file_pins import file_tag, is_item_hash
from hatch_aleph.local.node.limits import CREDIT_FOR_ALL_SINCE, MIB, MIN_STORE_MIB, PAID_SINCE
from hatch_aleph.local.node.rejection import Code, RejectedMessageError, RetryMessageError
from hatch_aleph.local.node.rules import Rules
from hatch_aleph.local.node.times import to_micros

if TYPE_CHECKING:
    from hatch_aleph.local.node.costs import Cost
    from hatch_aleph.local.node.envelope import Message


class StoreRules(Rules):
    """Rules of STORE messages."""

    def permit(self, message: Message) -> None:
        """Refuse, besides strangers, an amend of another owner's file."""
        super().permit(message)
        content = _content(message)
        if content.ref is None:
            return
        tag = self.state.pins.tag(file_tag(content.address, content.ref, message.item_hash))
        if tag is not None and tag["owner"] != content.address:
            text = f"{message.item_hash} attempts to update a file tag belonging to another user"
            raise RejectedMessageError(Code.PERMISSION_DENIED, text)

    def prepare(self, message: Message) -> None:
        """Check the way to pay, that the address is not in debt, and that the file is here."""
        content = _content(message)
        if message.seconds >= PAID_SINCE:
            self._require_credit(message)
            self._check_debt(message, content)
        if ItemHash(content.item_hash).item_type != content.item_type:
            text = f"Item hash '{content.item_hash}' is not of the expected type ('{content.item_type}')"
            raise RejectedMessageError(Code.INVALID_FORMAT, text)
        if not self.state.pins.is_here(content.item_hash):
            text = f"File not found: {content.item_hash} (could not retrieve file from storage at this time)"
            raise RetryMessageError(Code.FILE_UNAVAILABLE, text)

    def _check_debt(self, message: Message, content: StoreContent) -> None:
        """Before fetching, the network looks at the cost of files on IPFS only; others count as free here."""
        cost, payment = Decimal(0), payment_type(content)
        size = self.state.pricer.file_mib(content)
        if content.item_type == "ipfs" and size:
            if payment == "hold" and size <= MIN_STORE_MIB:
                return
            cost = total(self.state.pricer.costs(content, message.item_hash, {"file": int(size)}), payment)
        self.state.balances.require(content.address, cost, payment)

    def check(self, message: Message) -> None:
        """An amend needs its original, and may not amend an amend. A name of the user's own refers to nothing."""
        ref = _content(message).ref
        if ref is None or not is_item_hash(ref):
            return
        original = self.state.pins.message_pin(ref)
        if original is None:
            raise RetryMessageError(Code.STORE_REF_NOT_FOUND, ref)
        if original["ref"] is not None:
            raise RejectedMessageError(Code.STORE_UPDATE_UPDATE)

    def costs(self, message: Message) -> list[Cost]:
        """Check the balance, except for small files paid by hold and for messages from the free time."""
        content, payment = _content(message), payment_type(message.parsed)
        costs = self.state.pricer.costs(content, message.item_hash)
        if message.seconds < PAID_SINCE:
            return costs
        self._require_credit(message)
        size = self.state.pricer.file_mib(content)
        if payment == "hold" and size and size <= MIN_STORE_MIB:
            return costs
        self.state.balances.require(content.address, total(costs, payment), payment)
        return costs

    def apply(self, message: Message, now: int) -> None:  # noqa: ARG002 - the signature of the other types
        """Pin the file and move its tag."""
        content = _content(message)
        created = to_micros(content.time)
        self.state.pins.pin_message(message.item_hash, content.item_hash, content.address, content.ref, created)

    def forget(self, message: Message, now: int) -> None:
        """Unpin the file; a day later it is gone unless something else wants it."""
        pin = self.state.pins.message_pin(message.item_hash)
        if pin is not None:
            self.state.pins.unpin(pin, now)

    def _require_credit(self, message: Message) -> None:
        if message.seconds >= CREDIT_FOR_ALL_SINCE and payment_type(message.parsed) != "credit":
            raise RejectedMessageError(Code.INVALID_PAYMENT_METHOD)


def upload_cost_mib(size: int) -> int:
    """Round an upload's size up to whole MiB, as the balance check before keeping it does."""
    return -(-size // MIB)


def _content(message: Message) -> StoreContent:
    return cast("StoreContent", message.parsed)
