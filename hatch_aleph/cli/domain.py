"""``hatch-aleph domain``: custom domains of programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.item_hash_type import item_hash_argument
from hatch_aleph.cli.value_types import as_domain, as_owner
from hatch_aleph.commands import typed
from hatch_aleph.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_aleph.deploy.custom_domains import Domain
    from hatch_aleph.network.domains import Record


@click.group()
def domain() -> None:
    """Attach custom domains to programs, and check their DNS records."""


@domain.command(epilog="Example: hatch-aleph domain attach api.example.org ITEM_HASH")
@with_context("node", "account", "owner", "dry", "yes")
@click.argument("name", type=as_domain)
@item_hash_argument()
def attach(context: Context, *, name: str, item_hash: str) -> None:
    """Point the domain NAME at a program, and show the DNS records to set."""
    from hatch_aleph.deploy.custom_domains import attach as attach_domain

    with context.client() as client:
        item_hash = context.completed(client, item_hash)
        done = attach_domain(context.program_session(client), name, item_hash)
    lines = [f"{done.name} points at {item_hash}. Set at your DNS provider:", *_lines(done.records)]
    context.output.result(_fields(done), "\n".join(lines), fold=False)


@domain.command(epilog="Example: hatch-aleph domain detach api.example.org")
@with_context("node", "account", "owner", "dry", "yes")
@click.argument("name", type=as_domain)
def detach(context: Context, *, name: str) -> None:
    """Take the domain NAME away from its program."""
    from hatch_aleph.deploy.custom_domains import detach as detach_domain

    with context.client() as client:
        done = detach_domain(context.program_session(client), name)
    context.output.result(_fields(done), f"{done.name} points at no program any more; its DNS records can go.")


@domain.command("list", epilog="Example: hatch-aleph domain list 0x1234...")
@with_context("whose", "node", "account")
def list_domains(context: Context) -> None:
    """List the domains of ADDRESS, or of your own account."""
    from hatch_aleph.deploy.custom_domains import domains_of

    with context.client() as client:
        found = domains_of(client, context.owner())
    lines = [f"{each.name}  {each.item_hash or 'detached'}" for each in found] or ["No domains."]
    context.output.result({"domains": [_fields(each) for each in found]}, "\n".join(lines), fold=False)


@domain.command(epilog="Example: hatch-aleph domain check api.example.org --json")
@with_context("node", "account", "owner")
@click.argument("name", metavar="[NAME|ADDRESS]", required=False)
def check(context: Context, *, name: str | None) -> None:
    """Look up in DNS whether a domain, or all of an ADDRESS or of your own account, have their records."""
    from hatch_aleph.deploy.custom_domains import domains_of
    from hatch_aleph.errors import HealthError
    from hatch_aleph.network.domains import DnsOverHttps

    is_domain = name is not None and "." in name
    address = as_owner(name) if name is not None and not is_domain else context.owner()
    named = str(name).lower().rstrip(".") if is_domain else None
    with context.client() as client:
        found = domains_of(client, address, DnsOverHttps(), named=named)
    if is_domain:
        known = [each.name for each in found]
        found = tuple(each for each in found if each.name == named)
        if not found:
            raise PlanError(
                f"{name} is attached to no program of {address}",
                hint=f"Attached are: {', '.join(known)}."
                if known
                else f"Attach it: {typed('domain attach', str(name), 'ITEM_HASH')}.",
            )
    records = [record for each in found for record in each.records]
    missing = [record for record in records if not record.found]
    context.output.result(
        {"domains": [_fields(each) for each in found]}, "\n".join(_lines(records)) or "No domains.", fold=False
    )
    if missing:
        raise HealthError(
            f"{len(missing)} of {len(records)} DNS records are not as they must be",
            hint="Set them as listed; a change can take as long as the old record's time to live.",
        )


def _fields(each: Domain) -> dict[str, Any]:
    return {
        "domain": each.name,
        "item_hash": each.item_hash,
        "message": each.message,
        "records": [asdict(record) for record in each.records],
    }


def _lines(records: Iterable[Record]) -> list[str]:
    marks = {None: " ", True: "\N{CHECK MARK}", False: "\N{BALLOT X}"}
    return [
        f"  {marks[record.found]} {record.name}  {record.type}  {record.value}"
        + (f"  (now: {', '.join(record.instead)})" if record.found is False and record.instead else "")
        for record in records
    ]
