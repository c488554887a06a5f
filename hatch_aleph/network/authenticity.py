"""What is believed of a message: that its owner, or somebody whom the owner has permitted, signed exactly this.

Anybody may run a node, and a node can invent messages, so nothing is acted on that its signature does not prove. What
nobody can prove is that a node has told all: an amend that it hides is not seen.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .fields import MalformedAnswerError, UnhelpfulNodeError, as_mapping, parse_json, shown
from .search import Filters, find
from .signatures import EVM_CHAINS, SOLANA_CHAINS, is_signed
from .transfer import HashCheck

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .answers import NetworkMessage
    from .http import Reply
    from .nodes import Nodes

SECURITY = "security"
# How far apart, in seconds, the clocks of those who sign may be. A signed time further ahead is somebody's mistake that
# later messages must not repeat.
MAX_AHEAD = 300.0


class MessageVerifier:
    """Verifies messages, asking nodes for what that takes: contents that are kept apart, and permissions.

    Args:
        nodes: Who is asked.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._permissions: dict[str, list[tuple[float, list[Mapping[str, Any]]]]] = {}

    def verified(self, message: NetworkMessage) -> NetworkMessage:
        """Return a live message with the content that was signed; others, which say nothing, as they are.

        Raises:
            UnhelpfulNodeError: The node shows what nobody signed who may.
        """
        if not message.status.is_live:
            return message
        message = self._signed(message)
        if message.type == "FORGET":
            # Whoever may create a target may forget it, whatever the FORGET's own address (aleph-im/pyaleph,
            # handlers/content/forget.py): nodes judge it by each target, which is gone by now.
            return message
        if message.sender.lower() != message.owner.lower() and not self._is_permitted(message):
            raise UnhelpfulNodeError(
                f"shows {message.item_hash} as a message of {shown(message.owner)}, who has not permitted its sender "
                f"{shown(message.sender)}, or no longer when it was signed"
            )
        return message

    def _signed(self, message: NetworkMessage) -> NetworkMessage:
        if message.item_type != "inline":
            message = replace(message, content=self._content_apart(message))
        if is_signed(message.chain, message.sender, message.type, message.item_hash, message.signature):
            return message
        if message.chain not in EVM_CHAINS | SOLANA_CHAINS:
            raise UnhelpfulNodeError(
                f"shows {message.item_hash}, signed on the chain {shown(message.chain)}, which cannot be verified here"
            )
        raise UnhelpfulNodeError(f"shows {message.item_hash}, which its sender {shown(message.sender)} did not sign")

    def _content_apart(self, message: NetworkMessage) -> dict[str, Any]:
        """Fetch and check a content that does not travel in its message; the hash of its bytes is the item hash."""

        def read(reply: Reply) -> dict[str, Any]:
            if reply.is_not_found:
                raise UnhelpfulNodeError(f"has no content of {message.item_hash}")
            if reply.status != 200:  # noqa: PLR2004 - HTTP
                raise reply.unhelpful()
            check = HashCheck(message.item_hash)
            check.update(reply.body)
            if not check.holds():
                raise UnhelpfulNodeError(f"gives another content for {message.item_hash}")
            try:
                content = dict(as_mapping(parse_json(reply.body)))
            except ValueError:
                raise MalformedAnswerError(f"the content of {message.item_hash} is no JSON object") from None
            return {"address": message.sender, "time": message.time, **content}

        return self._nodes.ask("GET", f"/api/v0/storage/raw/{message.item_hash}", read)

    def _is_permitted(self, message: NetworkMessage) -> bool:
        """Tell whether the owner permitted the sender such messages when it was signed, or later.

        The network looks at the permissions of the moment in which it processes a message, and takes up again what it
        once refused (src/aleph/permissions.py and handlers/message_handler.py in aleph-im/pyaleph). So a permission
        that was taken back still covers what was published under it, but nothing that is signed with a later time.
        """
        if message.owner not in self._permissions:
            self._permissions[message.owner] = list(self._permissions_of(message.owner))
        signed = message.content_time - MAX_AHEAD
        return any(
            _covers(permission, message)
            for until, permissions in self._permissions[message.owner]
            if until > signed
            for permission in permissions
        )

    def _permissions_of(self, owner: str) -> Iterator[tuple[float, list[Mapping[str, Any]]]]:
        """Yield what an owner has permitted, in the order of time, each with the time at which it ended.

        The later of two aggregates replaces the list, whoever signed it: the owner, or whom the list before permits.
        """
        filters = Filters(types=("AGGREGATE",), owners=(owner,), keys=(SECURITY,))
        found = find(self._nodes, filters, ("processed",), newest_first=False, check=self._signed)
        permitted: list[Mapping[str, Any]] = []
        for said in sorted(found, key=lambda message: message.content_time):
            content = as_mapping(said.content.get("content") or {})
            may = said.sender.lower() == owner.lower() or any(_covers(each, said) for each in permitted)
            if may and said.owner == owner and "authorizations" in content:
                yield said.content_time, permitted
                given = content["authorizations"]
                permitted = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
        yield math.inf, permitted


def _covers(permission: Mapping[str, Any], message: NetworkMessage) -> bool:
    return permits(
        permission, message.sender, message.chain, message.type, message.channel, key=message.content.get("key")
    )


def permits(
    permission: Mapping[str, Any], sender: str, chain: str | None, type_: str, channel: str | None, *, key: Any = None
) -> bool:
    """Tell whether an entry of an owner's ``security`` aggregate lets somebody publish such a message for it."""

    def allows(name: str, value: Any) -> bool:
        values = permission.get(name)
        return not values or (isinstance(values, list) and value in values)

    return (
        str(permission.get("address") or "").lower() == sender.lower()
        and permission.get("chain") in (None, "", chain)
        and allows("types", type_)
        and allows("channels", channel)
        and (type_ != "AGGREGATE" or allows("aggregate_keys", key))
    )
