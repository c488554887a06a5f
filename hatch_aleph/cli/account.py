"""``hatch-aleph account``: make and show accounts."""

from __future__ import annotations

import os
from pathlib import Path

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.value_types import OwnerType


@click.group()
def account() -> None:
    """Make and show the account that signs."""


@account.command(epilog="Example: hatch-aleph account create --private-key-file ~/.aleph-im/private-keys/ethereum.key")
@with_context()
@click.option(
    "--private-key-file",
    "file",
    type=click.Path(path_type=Path),
    help="Where the new key is written. Also ALEPH_PRIVATE_KEY_FILE. [default: the official command line's place]",
)
@click.option("--chain", type=click.Choice(["ETH", "AVAX", "BASE", "SOL"]), default="ETH", show_default=True)
def create(context: Context, *, file: Path | None, chain: str) -> None:
    """Make a new key, readable by you alone; an existing file is never overwritten."""
    from hatch_aleph.network.accounts import create_account, default_key_file

    named = os.environ.get("ALEPH_PRIVATE_KEY_FILE")
    file = file or (Path(named) if named else default_key_file(chain))
    made = create_account(file.expanduser(), chain)
    context.output.result(
        {"address": made.address, "chain": made.chain, "file": str(file)},
        f"{made.address}\nIts key is in {file}: keep a copy, nobody can restore it.",
    )


@account.command(epilog="Example: hatch-aleph account show --json")
@with_context("account")
def show(context: Context) -> None:
    """Show the address of the account that signs; never its key."""
    shown = context.account()
    context.output.result({"address": shown.address, "chain": shown.chain}, f"{shown.address} ({shown.chain})")


@account.command(epilog="Example: hatch-aleph account balance 0x1234... --node http://127.0.0.1:4021")
@with_context("node", "account")
@click.argument("address", required=False, type=OwnerType())
def balance(context: Context, *, address: str | None) -> None:
    """Show the credits and tokens of ADDRESS, or of your own account."""
    from hatch_aleph.network.money import with_credits

    address = address or context.account().address
    with context.client() as client:
        held = client.balance(address)
    fields = {"address": address, "credits": str(held.credits), "tokens": str(held.tokens), "locked": str(held.locked)}
    context.output.result(
        fields,
        f"{address}\n  {with_credits(held.credits)}\n  {held.tokens} tokens, {held.locked} of them locked",
    )
