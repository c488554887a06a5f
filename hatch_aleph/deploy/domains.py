"""Custom domains: attached by the owner's ``domains`` aggregate, proven by DNS records that the user sets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hatch_aleph.deploy.sender import Sender
    from hatch_aleph.network.client import NodeClient

KEY = "domains"


@dataclass(frozen=True)
class Record:
    """A DNS record to set: its type (``CNAME``, ``ALIAS``, ``TXT``), name and value; whether it was found."""

    domain: str
    type: str
    name: str
    value: str
    found: bool | None = None


def attach_domains(
    client: NodeClient, sender: Sender, owner: str, domains: Iterable[str], item_hash: str
) -> str | None:
    """Point domains at a program; return the item hash of the message, or None when all point there already."""
    known = client.aggregate(owner, (KEY,)).get(KEY) or {}
    wanted = {domain: _entry(item_hash) for domain in sorted(domains) if _target(known, domain) != item_hash}
    if not wanted:
        return None
    return _say(sender, owner, wanted)


def detach_domains(client: NodeClient, sender: Sender, owner: str, item_hashes: Sequence[str]) -> str | None:
    """Take away the domains that point at some programs; return the message's item hash, or None without any."""
    known = client.aggregate(owner, (KEY,)).get(KEY) or {}
    gone = {domain: None for domain in sorted(known) if _target(known, domain) in item_hashes}
    return _say(sender, owner, gone) if gone else None


def _say(sender: Sender, owner: str, content: dict[str, Any]) -> str:
    return sender.deliver("AGGREGATE", {"address": owner, "key": KEY, "content": content}).item_hash


def _entry(item_hash: str) -> dict[str, str]:
    # As the official command line writes it (aleph-im/aleph-client, commands/domain.py).
    return {"message_id": item_hash, "type": "program", "programType": "program"}


def _target(known: dict[str, Any], domain: str) -> str | None:
    entry = known.get(domain)
    return entry.get("message_id") if isinstance(entry, dict) else None


def required_records(domain: str, owner: str) -> tuple[Record, ...]:
    """Return the DNS records that a domain needs, by the SDK's rules."""
    from aleph.sdk.domain import DomainValidator, Hostname, TargetType

    # The rules need no resolver; the validator's constructor would open one, and only a running loop lets it.
    validator = DomainValidator.__new__(DomainValidator)
    rules = DomainValidator.get_required_dns_rules(validator, Hostname(domain), TargetType.PROGRAM, owner)
    return tuple(
        Record(domain, str(rule.dns["type"]).upper(), str(rule.dns["name"]), str(rule.dns["value"])) for rule in rules
    )


def check_records(
    domain: str, owner: str, *, check: Callable[[str, str], dict[str, bool]] | None = None
) -> tuple[Record, ...]:
    """Return the records that a domain needs, each with whether DNS has it.

    Args:
        domain: Host name.
        owner: Address that has to be proven.
        check: Asks DNS, as the SDK does by default; returns whether each rule holds, by the rule's name.
    """
    holds = (check or _ask_dns)(domain, owner)
    names = {"CNAME": "cname", "ALIAS": "alias", "TXT": "owner_proof"}
    return tuple(
        Record(domain, record.type, record.name, record.value, holds.get(names.get(record.type, ""), False))
        for record in required_records(domain, owner)
    )


def _ask_dns(domain: str, owner: str) -> dict[str, bool]:
    from aleph.sdk.domain import DomainValidator, Hostname, TargetType
    from aleph.sdk.exceptions import DomainConfigurationError

    async def ask() -> dict[str, bool]:
        try:
            validator = DomainValidator()  # type: ignore[no-untyped-call] # the SDK has no hint there
            return dict(await validator.check_domain(Hostname(domain), TargetType.PROGRAM, owner))
        except DomainConfigurationError as error:
            # Raised with (info, what is wrong, status of each rule).
            return dict(error.args[0][2])

    return asyncio.run(ask())
