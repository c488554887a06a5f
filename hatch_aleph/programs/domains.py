"""Custom domains of programs: attach, detach, list them with the DNS records that they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_aleph.deploy.domains import attach_domains, detach_domains
from hatch_aleph.errors import PlanError
from hatch_aleph.network.domains import KEY, attached, check_records, host_name, required_records
from hatch_aleph.programs.existing import look_up
from hatch_aleph.programs.session import require_owner
from hatch_aleph.settings.model import DEFAULT_CHANNEL

if TYPE_CHECKING:
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.domains import Lookup, Record
    from hatch_aleph.programs.session import Session


@dataclass(frozen=True)
class Domain:
    """A domain and what it needs.

    Attributes:
        name: Its host name.
        item_hash: Program that it points at; None when detached.
        records: What DNS must say.
        message: Item hash of the message that has just been sent; None when nothing had to be said.
    """

    name: str
    item_hash: str | None
    records: tuple[Record, ...]
    message: str | None = None


def attach(session: Session, domain: str, item_hash: str) -> Domain:
    """Point a domain at a live program of the owner.

    Raises:
        PlanError: There is no such program, or it is another's.
        RejectedError: The network refuses the message.
    """
    name = host_name(domain)
    existing = look_up(session.client, item_hash)
    require_owner(session, existing.owner, existing.sender, item_hash)
    with session.sending(f"domain:{name}", DEFAULT_CHANNEL) as sender:
        message = attach_domains(session.client, sender, existing.owner, [name], item_hash)
    return Domain(name, item_hash, required_records(name, existing.owner), message)


def detach(session: Session, domain: str) -> Domain:
    """Take a domain away from whichever program it points at.

    Raises:
        PlanError: It is not attached.
        RejectedError: The network refuses the message.
    """
    name = host_name(domain)
    with session.sending(f"domain:{name}", DEFAULT_CHANNEL) as sender:
        message = detach_domains(session.client, sender, session.owner, [name])
    if message is None:
        raise PlanError(f"{name} is attached to no program of {session.owner}")
    return Domain(name, None, (), message)


def domains_of(client: NodeClient, owner: str, lookup: Lookup | None = None) -> tuple[Domain, ...]:
    """Return the domains of an owner with their records, looked up in DNS when ``lookup`` is given."""
    aggregate = client.aggregate(owner, (KEY,)).get(KEY)
    found = []
    for name, item_hash in sorted(attached(aggregate).items()):
        records = required_records(name, owner)
        found.append(Domain(name, item_hash, check_records(records, lookup) if lookup else records))
    return tuple(found)
