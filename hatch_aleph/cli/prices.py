"""``hatch-aleph pricing`` and ``credits history``: what things cost, and where credits went."""

from __future__ import annotations

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.network.money import amount, figure, with_credits

_GIB = 1024  # MiB


@click.command(epilog="Example: hatch-aleph pricing --json")
@with_context("node")
def pricing(context: Context) -> None:
    """Show what a day of a program costs by its size, and what files and volumes cost. Needs no key."""
    with context.client() as client:
        prices = client.pricing()
    rows = [
        (
            str(tier.units),
            f"{tier.vcpus} vCPU, {tier.memory_mib} MiB",
            *map(with_credits, (tier.on_demand, tier.internet, tier.persistent)),
        )
        for tier in prices.tiers
    ]
    columns = ("compute units", "size", "on demand", "on demand with internet", "persistent")
    context.output.table("A day of a program", columns, rows)
    context.output.result(
        {
            "tiers": [
                {key: value if isinstance(value, int) else figure(value) for key, value in tier._asdict().items()}
                for tier in prices.tiers
            ],
            "file_mib": figure(prices.file_mib),
            "volume_mib": figure(prices.volume_mib),
            "unit": "credits a day",
        },
        f"A GiB of files, code and packages among them: {with_credits(prices.file_mib * _GIB)} a day; each file counts "
        f"for 25 MiB at least.\n"
        f"A GiB of volumes beyond what the size includes: {with_credits(prices.volume_mib * _GIB)} a day.",
    )


@click.group()
def credit_account() -> None:
    """Show what came to an address's credits, and what went."""


@credit_account.command(epilog="Example: hatch-aleph credits history 0x1234... --limit 50")
@with_context("whose", "node", "account")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Show the latest N alone.")
def history(context: Context, *, limit: int) -> None:
    """List the changes of credits of ADDRESS, or of your own account, the newest first."""
    address = context.owner()
    with context.client() as client:
        changes = client.credit_history(address, limit=limit)
        left = client.balance(address).credits
    rows = [
        (each.time[:19].replace("T", " "), amount(each.amount, "credit"), f"{each.amount:,}", each.provider,
         each.origin or "", (each.expires or "")[:10])
        for each in changes
    ]  # fmt: skip
    columns = ("when (UTC)", "amount", "credits", "by", "for", "expires")
    context.output.table(f"Credits of {address}", columns, rows)
    listed = [{**each._asdict(), "amount": figure(each.amount)} for each in changes]
    context.output.result(
        {"address": address, "credits": figure(left), "history": listed},
        f"{with_credits(left)} are left." if rows else f"{address} never had credits here.",
    )
