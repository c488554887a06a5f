"""Custom domains of a deployment: attached by the owner's ``domains`` aggregate, through the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_aleph.network.domains import KEY, attached, changes
from hatch_aleph.network.messages import aggregate_content

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hatch_aleph.deploy.sender import Sender
    from hatch_aleph.network.client import NodeClient


def unattached(client: NodeClient, owner: str, domains: Iterable[str], item_hash: str | None) -> tuple[str, ...]:
    """Return the domains that do not point at a program yet; all of them for a program that is yet to be published."""
    return tuple(changes(_known(client, owner), dict.fromkeys(domains, item_hash or "")))


def attach_domains(
    client: NodeClient, sender: Sender, owner: str, domains: Iterable[str], item_hash: str
) -> str | None:
    """Point domains at a program; return the item hash of the message, or None when all point there already."""
    return _say(sender, owner, changes(_known(client, owner), dict.fromkeys(domains, item_hash)))


def detach_domains(client: NodeClient, sender: Sender, owner: str, domains: Iterable[str]) -> str | None:
    """Take domains away; return the message's item hash, or None when none of them is attached."""
    return _say(sender, owner, changes(_known(client, owner), {}, domains))


def names_of(client: NodeClient, owner: str, item_hashes: Collection[str]) -> list[str]:
    """Return the domains of an owner that point at any of some programs."""
    return sorted(name for name, target in attached(_known(client, owner)).items() if target in item_hashes)


def _known(client: NodeClient, owner: str) -> Any:
    return client.aggregate(owner, (KEY,)).get(KEY)


def _say(sender: Sender, owner: str, content: dict[str, Any]) -> str | None:
    if not content:
        return None
    return sender.deliver("AGGREGATE", aggregate_content(owner, KEY, content)).item_hash
