"""Forget messages: what is gone already is passed over, and what has to stay does not hold back the rest.

A node takes all targets of a FORGET or none; of one that is gone it says, after minutes, that it knows none.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import RejectedError
from hatch_aleph.network.messages import forget_content

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hatch_aleph.deploy.sender import Sender
    from hatch_aleph.network.client import NodeClient

_UNKNOWN_TARGET = 501
_STILL_USED = 503


def forget(
    client: NodeClient, sender: Sender, owner: str, groups: Sequence[tuple[Sequence[str], str]]
) -> tuple[str, ...]:
    """Forget groups of messages one after the other, each awaited before the next.

    All are signed before the first is sent, so a run that is cut off between them is finished by the next one: what a
    forgotten program was made of is known to nobody else.

    Args:
        client: The node.
        sender: Sends.
        owner: Whose messages they are.
        groups: Item hashes with the reason that is told; programs before the files they use.

    Returns:
        The item hashes of the FORGET messages.

    Raises:
        RejectedError: The network refuses one, after what it does not refuse has taken effect.
    """
    contents = []
    for hashes, reason in groups:
        live = live_among(client, sorted(hashes))
        if live:
            contents.append(forget_content(owner, live, reason=reason))
    for content in contents[1:]:
        sender.keep("FORGET", content)
    return tuple(item_hash for content in contents for item_hash in _deliver(client, sender, content))


def live_among(client: NodeClient, hashes: Sequence[str]) -> list[str]:
    """Return those item hashes whose messages are still there."""
    statuses = {item_hash: client.status(item_hash) for item_hash in hashes}
    return [item_hash for item_hash, status in statuses.items() if status is not None and status.is_live]


def _deliver(client: NodeClient, sender: Sender, content: Mapping[str, Any]) -> list[str]:
    owner, hashes, reason = content["address"], content["hashes"], content.get("reason")
    try:
        return [sender.deliver("FORGET", content).item_hash]
    except RejectedError as error:
        refused = error
    left = live_among(client, hashes)
    if refused.code == _UNKNOWN_TARGET and left != hashes:
        # Somebody else forgot some of them meanwhile.
        return _deliver(client, sender, forget_content(owner, left, reason=reason)) if left else []
    if refused.code != _STILL_USED or len(hashes) == 1:
        raise refused
    sent = []
    for item_hash in hashes:
        with contextlib.suppress(RejectedError):
            sent += _deliver(client, sender, forget_content(owner, [item_hash], reason=reason))
    if live_among(client, hashes):
        raise refused
    return sent
