"""A message's way through the node: known or new, processed, put off or rejected; each attempt is one transaction."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import random
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.local.node.costs import payment_type
from hatch_aleph.local.node.envelope import complete_content, read_message
from hatch_aleph.local.node.limits import INLINE_LIMIT, MAX_RETRIES, MAX_RETRY_SECONDS
from hatch_aleph.local.node.rejection import Code, NotProcessedError, RejectedMessageError, RetryMessageError
from hatch_aleph.local.node.rules.data import AggregateRules, PostRules
from hatch_aleph.local.node.rules.forget import ForgetRules
from hatch_aleph.local.node.rules.store import StoreRules
from hatch_aleph.local.node.rules.vm import MachineRules, VerifiableRules

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.local.node.envelope import Message
    from hatch_aleph.local.node.rules import NodeState, Rules

_log = logging.getLogger(__name__)
_SEEN_LIMIT = 100_000
_NEVER_TRIED = -1
_STORED_MESSAGE_LIMIT = 10 * INLINE_LIMIT


@dataclass(frozen=True)
class Attempt:
    """What became of a message: ``processed``, ``rejected``, ``pending``, or ``known`` when nothing was done."""

    message: Message
    outcome: str


class Processor:
    """Applies the rules to messages, in the order and with the retries of the network.

    Args:
        state: Where everything is read from and written to.
        now: Gives the present in microseconds.
        on_attempt: Called after each attempt is committed.
        retry_scale: Factor on the seconds between attempts.
    """

    def __init__(
        self, state: NodeState, now: Callable[[], int], on_attempt: Callable[[Attempt], None], retry_scale: float = 1.0
    ) -> None:
        self._state = state
        self._now = now
        self._on_attempt = on_attempt
        self._retry_scale = retry_scale
        self._chance = random.Random()  # noqa: S311 - jitter, not a secret
        self.ledger = state.ledger
        self._seen: OrderedDict[str, None] = OrderedDict()
        machine = MachineRules(state)
        self._rules: dict[str, Rules] = {
            "AGGREGATE": AggregateRules(state),
            "INSTANCE": machine,
            "POST": PostRules(state),
            "PROGRAM": machine,
            "STORE": StoreRules(state),
            "V-PROGRAM": VerifiableRules(state),
        }
        self._rules["FORGET"] = ForgetRules(state, self._rules)

    def submit(self, message: Message, raw: Any) -> Attempt:
        """Take a message from a client.

        Nothing is done with one that the node knows, that carries no signature, or whose very bytes it has seen since
        it started (so a rejected message sent again stays rejected, as on the network).
        """
        return self._attempt(message, retries=0) if self.takes(message, raw) else Attempt(message, "known")

    def takes(self, message: Message, raw: Any) -> bool:
        """Tell whether a message is to be tried, and remember that its bytes were seen."""
        seen = hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()
        status = self.ledger.status(message.item_hash)
        if not message.signature or seen in self._seen or status not in (None, "rejected"):
            return False
        self._seen[seen] = None
        if len(self._seen) > _SEEN_LIMIT:
            self._seen.popitem(last=False)
        return True

    def put_in(self, message: Message, seconds: float) -> None:
        """Make a message pending, and try it after a time for the first time."""
        now = self._now()
        with self._state.database.transaction():
            self.ledger.add_pending(message, _NEVER_TRIED, now + int(seconds * 10**6), now)

    def retry_due(self) -> int | None:
        """Attempt every message whose time has come; return the time of the next one, if any waits."""
        database = self._state.database
        while True:
            row = database.one("SELECT * FROM pending ORDER BY next_attempt LIMIT 1")
            if row is None:
                return None
            if row["next_attempt"] > self._now():
                return int(row["next_attempt"])
            self._attempt(read_message(json.loads(row["message"])), retries=row["retries"] + 1)

    def _attempt(self, message: Message, retries: int) -> Attempt:
        now = self._now()
        with self._state.database.transaction():
            try:
                with self._state.database.transaction():
                    message = self._process(message, now)
                outcome = "processed"
            except RetryMessageError as reason:
                outcome = self._put_off(message, reason, retries, now)
            except RejectedMessageError as reason:
                self.ledger.add_rejected(message, reason, now)
                outcome = "rejected"
            except Exception:  # noqa: BLE001 - a fault of ours must not stop the node, nor lose the message
                _log.exception("message %s could not be processed", message.item_hash)
                outcome = self._put_off(message, RetryMessageError(Code.INTERNAL_ERROR), retries, now)
        attempt = Attempt(message, outcome)
        self._on_attempt(attempt)
        return attempt

    def _put_off(self, message: Message, reason: NotProcessedError, retries: int, now: int) -> str:
        """Try again after a random part of 1, 2, 4 ... 300 seconds; reject after ten retries."""
        if retries >= MAX_RETRIES:
            self.ledger.add_rejected(message, reason, now)
            return "rejected"
        longest = min(2**retries, MAX_RETRY_SECONDS)
        wait = self._chance.uniform(0, longest) * self._retry_scale
        self.ledger.add_pending(message, retries, now + int(wait * 10**6), now)
        return "pending"

    def _process(self, message: Message, now: int) -> Message:
        if "\\u0000" in (message.item_content or ""):
            raise RejectedMessageError(Code.INVALID_FORMAT, "Unsupported character in message: \\u0000")
        if not message.is_signed:
            raise RejectedMessageError(Code.INVALID_SIGNATURE, "The signature of the message is invalid")
        message, size = self._with_content(message)
        rules = self._rules[message.type]
        rules.permit(message)
        rules.prepare(message)
        rules.check(message)
        costs = rules.costs(message)
        self.ledger.add_processed(message, size, now)
        owner = str((message.content or {}).get("address"))
        self._state.balances.charge(owner, message.item_hash, payment_type(message.parsed), costs)
        if message.item_type != "inline":
            self._state.pins.pin_content(message.item_hash, message.sender, message.time)
        rules.apply(message, now)
        return message

    def _with_content(self, message: Message) -> tuple[Message, int]:
        if message.parsed is not None:
            return message, len((message.item_content or "").encode())
        missing = RetryMessageError(
            Code.CONTENT_UNAVAILABLE, f"File not found: {message.item_hash} (could not fetch message content)"
        )
        size = self._state.pins.size(message.item_hash)
        if size is None or not self._state.files.exists(message.item_hash):
            raise missing
        if size > _STORED_MESSAGE_LIMIT:
            raise RejectedMessageError(Code.INVALID_FORMAT, "Message too long")
        text = self._state.files.path(message.item_hash).read_bytes()
        if b"\\u0000" in text:
            raise RejectedMessageError(Code.INVALID_FORMAT, "Unsupported character in message: \\u0000")
        content, parsed = complete_content(message, text)
        return dataclasses.replace(message, content=content, parsed=parsed), size
