"""``hatch-aleph logs``."""

from __future__ import annotations

from dataclasses import asdict

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.program_options import debug_option


@click.command(epilog="Example: hatch-aleph logs ITEM_HASH --domain https://crn.example.org")
@with_context("project", "node", "account")
@click.argument("item_hash", required=False)
@click.option("--domain", metavar="URL", help="Host that runs the program; a local node has its own.")
@debug_option
def logs(context: Context, *, item_hash: str | None, domain: str | None) -> None:
    """Show what a program has printed on one host. Without ITEM_HASH it is the project's program."""
    from hatch_aleph.cli.program_prompts import may_ask
    from hatch_aleph.errors import UsageError
    from hatch_aleph.programs.program_logs import read_logs

    account = context.account(context.chain_for(item_hash))
    with context.client() as client:
        item_hash = context.program(client, item_hash)
        try:
            lines = read_logs(client, account, item_hash, domain)
        except UsageError as error:
            if domain or not may_ask(context):
                raise
            context.output.notice(error.message)
            lines = read_logs(client, account, item_hash, click.prompt("URL of the host (--domain)", err=True))
    context.output.result(
        {"item_hash": item_hash, "lines": [asdict(line) for line in lines]},
        "\n".join(f"{line.time}> {line.text}" for line in lines) or "It has printed nothing.",
    )
