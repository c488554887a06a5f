"""``hatch-aleph account``: make and show accounts."""

from __future__ import annotations

import os
from pathlib import Path

import click

from hatch_aleph.cli.options import Common, common


@click.group()
def account() -> None:
    """Make and show the account that signs."""


@account.command(epilog="Example: hatch-aleph account create --private-key-file ~/.aleph-im/private-keys/ethereum.key")
@common()
@click.option(
    "--private-key-file",
    "file",
    type=click.Path(path_type=Path),
    help="Where the new key is written. Also ALEPH_PRIVATE_KEY_FILE. [default: the official command line's place]",
)
@click.option("--chain", type=click.Choice(["ETH", "AVAX", "BASE", "SOL"]), default="ETH", show_default=True)
def create(shared: Common, *, file: Path | None, chain: str) -> None:
    """Make a new key, readable by you alone; an existing file is never overwritten."""
    from hatch_aleph.network.accounts import create_account, default_key_file

    named = os.environ.get("ALEPH_PRIVATE_KEY_FILE")
    file = file or (Path(named) if named else default_key_file(chain))
    made = create_account(file.expanduser(), chain)
    shared.output.result(
        {"address": made.address, "chain": made.chain, "file": str(file)},
        f"{made.address}\nIts key is in {file}: keep a copy, nobody can restore it.",
    )


@account.command(epilog="Example: hatch-aleph account show --json")
@common(account=True)
def show(shared: Common) -> None:
    """Show the address of the account that signs; never its key."""
    shown = shared.account()
    shared.output.result({"address": shown.address, "chain": shown.chain}, f"{shown.address} ({shown.chain})")


@account.command(epilog="Example: hatch-aleph account balance 0x1234... --node http://127.0.0.1:4021")
@common(node=True, account=True)
@click.argument("address", required=False)
def balance(shared: Common, *, address: str | None) -> None:
    """Show the credits and tokens of ADDRESS, or of your own account."""
    address = address or shared.account().address
    with shared.client() as client:
        held = client.balance(address)
    fields = {"address": address, "credits": str(held.credits), "tokens": str(held.tokens), "locked": str(held.locked)}
    shared.output.result(
        fields, f"{address}\n  {held.credits} credits\n  {held.tokens} tokens, {held.locked} of them locked"
    )
