"""``hatch-aleph authorization``: who else may act for an account, such as the key of a CI machine."""

from __future__ import annotations

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.value_types import as_owner
from hatch_aleph.commands import typed
from hatch_aleph.errors import PlanError, UsageError

_TYPES = ("STORE", "PROGRAM", "FORGET", "AGGREGATE", "POST", "INSTANCE", "V-PROGRAM")


@click.group()
def authorization() -> None:
    """Permit others to act for your account, within bounds."""


@authorization.command(epilog="Example: hatch-aleph authorization add 0x1234... --deploy")
@with_context("node", "account", "dry", "yes")
@click.argument("address", type=as_owner)
@click.option("--deploy", is_flag=True, help="What deployments take: STORE, PROGRAM, FORGET, and the custom domains.")
@click.option("--type", "types", multiple=True, type=click.Choice(_TYPES), help="Only such messages. May be repeated.")
@click.option("--channel", "channels", multiple=True, help="Only on such channels, which are not signed.")
@click.option("--aggregate-key", "keys", multiple=True, help="Only such aggregates.")
@click.option("--signed-on", metavar="CHAIN", help="Only with signatures of that chain.")
@click.option("--everything", is_flag=True, help="Without bounds: it may even permit others.")
def add(
    context: Context,
    *,
    address: str,
    deploy: bool,
    types: tuple[str, ...],
    channels: tuple[str, ...],
    keys: tuple[str, ...],
    signed_on: str | None,
    everything: bool,
) -> None:
    """Permit ADDRESS to act for your account; what it was permitted before is replaced.

    Bounds tell kinds of messages apart, not projects: whoever may publish a kind may also forget any of that kind.
    """
    from hatch_aleph.network.authorizations import DEPLOYING, DOMAINS, Bounds, without, words_of
    from hatch_aleph.records import authorizations_of, authorize

    if deploy:
        types, keys = (*DEPLOYING, "AGGREGATE", *types), (*DOMAINS, *keys)
    bounds = Bounds(tuple(dict.fromkeys(types)), channels, tuple(dict.fromkeys(keys)), signed_on)
    if bounds.types == ("FORGET",):
        raise UsageError(
            "FORGET alone permits nothing: whoever may publish a kind of messages may forget it, and nobody else",
            hint="Say what it may publish and forget: --type PROGRAM --type STORE.",
        )
    if bounds.permits_itself and not everything:
        raise UsageError(
            "Without bounds it could do everything, and permit itself and others more",
            hint="Say --deploy, or --type (and --aggregate-key with AGGREGATE); or --everything if that is meant.",
        )
    entry = bounds.entry(address)
    with context.client() as client:
        session = context.program_session(client)
        entries = [*without(authorizations_of(client, session.owner), address), entry]
        message = authorize(session, entries, f"Permit {address} to act for {session.owner}: {words_of(entry)}")
    context.output.result(
        {"address": address, "entry": entry, "message": message},
        f"{address} may act for {session.owner}: {words_of(entry)}.\nIts commands take --address {session.owner}; a "
        f'project says address = "{session.owner}" in [tool.aleph].',
    )


@authorization.command("list", epilog="Example: hatch-aleph authorization list --address 0x1234...")
@with_context("node", "account", "owner")
def list_authorizations(context: Context) -> None:
    """List who may act for your account, or for --address, and within which bounds."""
    from hatch_aleph.network.authorizations import words_of
    from hatch_aleph.records import authorizations_of

    owner = context.owner()
    with context.client() as client:
        entries = authorizations_of(client, owner)
    lines = [f"{each.get('address')}  {words_of(each)}" for each in entries]
    context.output.result({"address": owner, "authorizations": entries}, "\n".join(lines) or f"Only {owner} itself.")


@authorization.command(epilog="Example: hatch-aleph authorization revoke 0x1234...")
@with_context("node", "account", "dry", "yes")
@click.argument("address", type=as_owner)
def revoke(context: Context, *, address: str) -> None:
    """Take back what ADDRESS was permitted; what it has published stays."""
    from hatch_aleph.network.authorizations import without
    from hatch_aleph.records import authorizations_of, authorize

    with context.client() as client:
        session = context.program_session(client)
        entries = authorizations_of(client, session.owner)
        left = without(entries, address)
        if len(left) == len(entries):
            raise PlanError(f"{address} may not act for {session.owner}", hint=f"See {typed('authorization list')}.")
        message = authorize(session, left, f"Permit {address} nothing any more")
    context.output.result({"address": address, "message": message}, f"{address} may not act for {session.owner} now.")
