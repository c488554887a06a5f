"""``hatch-aleph alias``: names for addresses, good wherever an address is taken."""

from __future__ import annotations

from dataclasses import replace

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.value_types import as_owner
from hatch_aleph.errors import UsageError


@click.group()
def alias() -> None:
    """Name addresses; the names of accounts are good for addresses too."""


@alias.command(epilog="Example: hatch-aleph alias add team 0x1234...")
@with_context()
@click.argument("name")
@click.argument("address", type=as_owner)
def add(context: Context, *, name: str, address: str) -> None:
    """Call ADDRESS by NAME from now on."""
    from hatch_aleph.preferences import checked_name, load_preferences

    known = load_preferences()
    if checked_name(name) in known.accounts:
        raise UsageError(f"An account has the name {name}", hint="Choose another one.")
    replace(known, addresses={**known.addresses, name: address}).save()
    context.output.result({"name": name, "address": address}, f"{name} is {address}.")


@alias.command("list", epilog="Example: hatch-aleph alias list")
@with_context()
def list_aliases(context: Context) -> None:
    """List the names of addresses."""
    from hatch_aleph.preferences import load_preferences

    known = sorted(load_preferences().addresses.items())
    lines = "\n".join(f"{name}  {address}" for name, address in known)
    context.output.result({"aliases": dict(known)}, lines or "No address has a name.")


@alias.command(epilog="Example: hatch-aleph alias remove team")
@with_context()
@click.argument("name")
def remove(context: Context, *, name: str) -> None:
    """Forget the name NAME."""
    from hatch_aleph.preferences import load_preferences, without

    known = load_preferences()
    hint = f"There are: {', '.join(known.addresses) or 'none'}."
    replace(known, addresses=without(known.addresses, name, "address", hint)).save()
    context.output.result({"name": name}, f"{name} names no address any more.")
