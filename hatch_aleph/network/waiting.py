"""The end of waiting for a message: what it is when it has come to rest, and what to say when it has not."""

from __future__ import annotations

from hatch_aleph.errors import NetworkError, RejectedError

from .answers import MessageStatus, NetworkMessage
from .rejections import rejection


def settled(message: NetworkMessage) -> NetworkMessage:
    """Return a message that has taken effect.

    Raises:
        RejectedError: It was rejected, forgotten or removed.
    """
    if message.status.is_live:
        return message
    if message.status is MessageStatus.REJECTED:
        raise rejection(message)
    by = f" by {', '.join(message.forgotten_by)}" if message.forgotten_by else ""
    raise RejectedError(
        f"The message was {message.status.value}{by}",
        where=message.item_hash,
        hint="Run the command again: it publishes a new one.",
        item_hash=message.item_hash,
    )


def still_waiting(item_hash: str, message: NetworkMessage | None, deadline: float) -> NetworkError:
    """Return the error for a message that is pending, or unknown, at the deadline."""
    again = "Run the same command again: it goes on from here and publishes nothing twice."
    if message is None:
        return NetworkError(
            f"The node does not know the message after {deadline:.0f} s",
            where=item_hash,
            hint=f"It never arrived, or carries no signature that the node reads. {again}",
        )
    return NetworkError(
        f"The {message.type or 'message'} is still pending after {deadline:.0f} s",
        where=item_hash,
        hint=f"The node retries what it waits for (a file, a volume, a ref) for several minutes. {again}",
    )
