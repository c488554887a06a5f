"""The programs of an address, with what they cost and what has taken over from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.deploy.naming import program_urls
from hatch_aleph.deploy.state import LIVE
from hatch_aleph.errors import RejectedError

if TYPE_CHECKING:
    from hatch_aleph.network.answers import NetworkMessage
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.money import Price


@dataclass(frozen=True)
class Listed:
    """A program.

    Attributes:
        message: Its message, with status.
        price: What it costs; None when the node does not say.
        superseded_by: Item hash of a program of the same owner that says to replace it.
        urls: Where it answers.
    """

    message: NetworkMessage
    price: Price | None
    superseded_by: str | None
    urls: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name in its metadata."""
        metadata = self.message.content.get("metadata")
        return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, the message's content included."""
        message = self.message
        price = self.price
        return {
            "item_hash": message.item_hash,
            "name": self.name,
            "status": message.status.value,
            "sender": message.sender,
            "channel": message.channel,
            "time": message.content_time,
            "superseded_by": self.superseded_by,
            "price": price
            and {"payment_type": price.payment_type, "per_day": str(price.per_day), "held": str(price.held)},
            "urls": list(self.urls),
            "content": message.content,
        }


def list_programs(client: NodeClient, address: str) -> tuple[Listed, ...]:
    """Return the live programs of an address, newest first; those that are being removed for want of credits too."""
    found = [
        message
        for message in client.messages(types=("PROGRAM",), owners=(address,), statuses=LIVE)
        if message.owner == address
    ]
    # Anybody's message may say to replace this one; only the owner's counts.
    replaced = {message.content.get("replaces"): message.item_hash for message in reversed(found)}
    found.sort(key=lambda message: message.content_time, reverse=True)
    return tuple(
        Listed(
            message,
            _price(client, message.item_hash),
            replaced.get(message.item_hash),
            program_urls(message.item_hash, node=client.nodes[0]),
        )
        for message in found
    )


def _price(client: NodeClient, item_hash: str) -> Price | None:
    try:
        return client.price(item_hash)
    except RejectedError:
        return None
