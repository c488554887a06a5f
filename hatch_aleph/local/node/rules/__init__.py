"""What each type of message demands and does; one module a type, all with the same four steps.

``permit`` (who may send it), ``prepare`` (what must be there before the network fetches anything), ``check`` (what it
refers to), ``apply`` (what it changes). The order is that of aleph-im/pyaleph, ``src/aleph/handlers``, because it
decides which error code a message with several faults gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hatch_aleph.local.node.rejection import Code, RejectedMessageError

if TYPE_CHECKING:
    import sqlite3

    from hatch_aleph.local.node.aggregates import Aggregates
    from hatch_aleph.local.node.balances import Balances
    from hatch_aleph.local.node.costs import Cost, Pricer
    from hatch_aleph.local.node.database import Database
    from hatch_aleph.local.node.envelope import Message
    from hatch_aleph.local.node.file_pins import FilePins
    from hatch_aleph.local.node.file_store import FileStore
    from hatch_aleph.local.node.ledger import Ledger


@dataclass(frozen=True)
class NodeState:
    """All that rules read and write."""

    database: Database
    files: FileStore
    ledger: Ledger
    pins: FilePins
    aggregates: Aggregates
    balances: Balances
    pricer: Pricer

    def end_message(self, row: sqlite3.Row, status: Literal["forgotten", "removed"], **more: Any) -> None:
        """Take a live message and its costs off, keeping its envelope; more as for ``Ledger.end``."""
        self.balances.release(row["item_hash"])
        size = self.pins.size(row["content_item_hash"]) if row["content_item_hash"] else None
        self.ledger.end(row, status, size=size, **more)


class Rules:
    """The steps of a type that asks for nothing."""

    def __init__(self, state: NodeState) -> None:
        self.state = state

    def permit(self, message: Message) -> None:
        """Check that the sender may act for the content's address.

        Raises:
            NotProcessedError: It may not.
        """
        content: Any = message.parsed
        detail = content.type if message.type == "POST" else getattr(content, "key", None)
        if not self.state.aggregates.is_authorized(
            message.sender,
            content.address,
            chain=message.chain,
            channel=message.channel,
            type_=message.type,
            detail=str(detail) if detail is not None else None,
        ):
            text = f"Sender {message.sender} is not authorized to post on behalf of address {content.address}"
            raise RejectedMessageError(Code.PERMISSION_DENIED, text)

    def prepare(self, message: Message) -> None:
        """Check what must hold before files are looked for."""

    def check(self, message: Message) -> None:
        """Check what the message refers to."""

    def costs(self, message: Message) -> list[Cost]:  # noqa: ARG002 - the signature of the other types
        """Check that it can be paid; return what it costs."""
        return []

    def apply(self, message: Message, now: int) -> None:
        """Change what the processed message changes."""

    def forget(self, message: Message, now: int) -> None:
        """Undo what the message changed."""
