"""Custom domains of programs: attach, detach, list them with the DNS records that they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.defaults import DEFAULT_CHANNEL
from hatch_aleph.deploy.journal import UPDATED
from hatch_aleph.deploy.preflight import check_permitted
from hatch_aleph.deploy.session import require_owner
from hatch_aleph.deploy.state import find_program, live_among
from hatch_aleph.errors import HealthError, PlanError
from hatch_aleph.network.domains import KEY, attached, changes, check_records, detached, host_name, required_records
from hatch_aleph.network.messages import aggregate_content

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hatch_aleph.deploy.health import Health
    from hatch_aleph.deploy.outbox import Outbox
    from hatch_aleph.deploy.session import Session
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.domains import Lookup, Record

_TAKEOVER_SECONDS = 120.0


def unattached(client: NodeClient, owner: str, domains: Iterable[str], item_hash: str | None) -> tuple[str, ...]:
    """Return the domains that do not point at a program yet; all of them for a program that is yet to be published."""
    return tuple(changes(_known(client, owner), dict.fromkeys(domains, item_hash or "")))


def taken(client: NodeClient, owner: str, domains: Iterable[str], own: Collection[str]) -> tuple[str, ...]:
    """Tell which domains lead to a live program of the owner beside those given: who asks there would meet another."""
    where = attached(_known(client, owner)) if domains else {}
    others = {domain: where[domain] for domain in domains if domain in where and where[domain] not in own}
    return tuple(
        f"The domain {domain} leads to {item_hash}, another program of yours, and would be taken from it"
        for domain, item_hash in others.items()
        if live_among(client, [item_hash])
    )


def attach_domains(
    client: NodeClient, outbox: Outbox, owner: str, domains: Iterable[str], item_hash: str
) -> str | None:
    """Point domains at a program; return the item hash of the message, or None when all point there already."""
    return _say(outbox, owner, changes(_known(client, owner), dict.fromkeys(domains, item_hash)))


def await_takeover(domains: Iterable[str], superseded: Collection[str], path: str, health: Health) -> None:
    """Wait until no domain leads to a superseded program any more.

    What sends a domain on keeps for a while where it led: only its answers tell.

    Raises:
        HealthError: One still does after two minutes.
    """
    for domain in domains:
        url = f"https://{host_name(domain)}{path}"
        if not health.await_other(url, superseded, _TAKEOVER_SECONDS):
            raise HealthError(
                f"The domain still leads to the superseded program after {_TAKEOVER_SECONDS:.0f} s.",
                where=url,
                hint="So it was not forgotten. Run the command again: it forgets the program once the domain leads to "
                "the new one.",
            )


def detach_domains(client: NodeClient, outbox: Outbox, owner: str, domains: Iterable[str]) -> str | None:
    """Take domains away; return the message's item hash, or None when none of them is attached."""
    return _say(outbox, owner, changes(_known(client, owner), {}, domains))


def names_of(client: NodeClient, owner: str, item_hashes: Collection[str]) -> list[str]:
    """Return the domains of an owner that point at any of some programs."""
    return sorted(name for name, target in attached(_known(client, owner)).items() if target in item_hashes)


def moving(
    session: Session, channel: str, item_hashes: Collection[str], what: str, owner: str | None = None
) -> list[str]:
    """Return the domains of programs that are about to give way, once the owner may be asked about each.

    Args:
        session: Who signs; is told of them before they are signed for.
        channel: Of the message.
        item_hashes: The programs.
        what: Becomes of the domains, in words.
        owner: Of the programs, when it is not the session's.

    Raises:
        PlanError: The owner has not permitted that.
    """
    owner = owner or session.owner
    names = names_of(session.client, owner, item_hashes)
    if names:
        check_permitted(session.client, session.account, owner, ("AGGREGATE",), channel, key=KEY)
        session.notice(f"Custom domains {what}: {', '.join(names)}")
    return names


def _known(client: NodeClient, owner: str) -> Any:
    return client.aggregate(owner, (KEY,)).get(KEY)


def _say(outbox: Outbox, owner: str, content: dict[str, Any]) -> str | None:
    if not content:
        return None
    # As the web console and aleph-rs write it: resolvers tell by it which of two entries is the newer.
    content = {name: entry and {**entry, UPDATED: outbox.now} for name, entry in content.items()}
    return outbox.deliver("AGGREGATE", aggregate_content(owner, KEY, content)).item_hash


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
        PlanError: There is no such program, it is another's, or its owner has not permitted that.
        RejectedError: The network refuses the message.
    """
    name = host_name(domain)
    program = find_program(session.client, item_hash)
    require_owner(session, program.owner, program.sender, item_hash, types=())
    leads_to = attached(_known(session.client, program.owner)).get(name)
    if leads_to != item_hash:
        check_permitted(session.client, session.account, program.owner, ("AGGREGATE",), DEFAULT_CHANNEL, key=KEY)
        session.confirm(f"Point {name} at {item_hash}{f', away from {leads_to}' if leads_to else ''}")
    with session.sending(f"domain:{name}", DEFAULT_CHANNEL) as outbox:
        message = attach_domains(session.client, outbox, program.owner, [name], item_hash)
    return Domain(name, item_hash, required_records(name, program.owner), message)


def detach(session: Session, domain: str) -> Domain:
    """Take a domain away from whichever program it points at.

    Raises:
        PlanError: It is not attached, or the owner has not permitted that.
        RejectedError: The network refuses the message.
    """
    name = host_name(domain)
    leads_to = attached(_known(session.client, session.owner)).get(name)
    if leads_to is None:
        raise PlanError(f"{name} is attached to no program of {session.owner}")
    check_permitted(session.client, session.account, session.owner, ("AGGREGATE",), DEFAULT_CHANNEL, key=KEY)
    session.confirm(f"Take {name} away from its program, {leads_to}")
    with session.sending(f"domain:{name}", DEFAULT_CHANNEL) as outbox:
        message = detach_domains(session.client, outbox, session.owner, [name])
    return Domain(name, None, (), message)


def domains_of(
    client: NodeClient, owner: str, lookup: Lookup | None = None, *, named: str | None = None
) -> tuple[Domain, ...]:
    """Return the domains of an owner with their records: in DNS with ``lookup``, of all or of the ``named`` one."""
    aggregate = client.aggregate(owner, (KEY,)).get(KEY)
    found = [Domain(name, None, ()) for name in detached(aggregate)]
    for name, item_hash in sorted(attached(aggregate).items()):
        records = required_records(name, owner)
        found.append(
            Domain(name, item_hash, check_records(records, lookup) if lookup and named in (None, name) else records)
        )
    return tuple(found)
