"""Custom domains of a deployment: attached by the owner's ``domains`` aggregate, through the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_aleph.network.domains import KEY, attached, changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hatch_aleph.deploy.sender import Sender
    from hatch_aleph.network.client import NodeClient


def attach_domains(
    client: NodeClient, sender: Sender, owner: str, domains: Iterable[str], item_hash: str
) -> str | None:
    """Point domains at a program; return the item hash of the message, or None when all point there already."""
    return _say(sender, owner, changes(_known(client, owner), dict.fromkeys(domains, item_hash)))


def detach_domains(client: NodeClient, sender: Sender, owner: str, item_hashes: Sequence[str]) -> str | None:
    """Take away the domains that point at some programs; return the message's item hash, or None without any."""
    known = _known(client, owner)
    gone = [domain for domain, target in attached(known).items() if target in item_hashes]
    return _say(sender, owner, changes(known, {}, gone))


def _known(client: NodeClient, owner: str) -> Any:
    return client.aggregate(owner, (KEY,)).get(KEY)


def _say(sender: Sender, owner: str, content: dict[str, Any]) -> str | None:
    if not content:
        return None
    return sender.deliver("AGGREGATE", {"address": owner, "key": KEY, "content": content}).item_hash
