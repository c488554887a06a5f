"""``hatch-aleph prune``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.output import moment
from hatch_aleph.cli.program_options import OTHER_PROJECT
from hatch_aleph.network.money import cost_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_aleph.deploy.cleanup import Waste
    from hatch_aleph.network.money import Price


@click.command(epilog="Example: hatch-aleph prune --keep 2")
@with_context("project", "node", "account", "host", "owner", "state", "dry", "yes")
@click.option("--keep", type=click.IntRange(min=0), default=0, help="Earlier contents to keep for `rollback`.")
@OTHER_PROJECT
def prune(context: Context, *, keep: int, other_project: bool) -> None:
    """Forget what no program needs: earlier contents, volumes without a program, programs that a newer one supersedes.

    Shows it first, and asks.
    """
    from hatch_aleph.deploy.cleanup import last_words, saved_by
    from hatch_aleph.deploy.cleanup import prune as forget
    from hatch_aleph.deploy.health import Health

    def ask(waste: tuple[Waste, ...]) -> None:
        hashes = [each.item_hash for each in waste]
        prices = saved_by(client, deployment.owner, hashes)
        rows = [(each.role, each.why, moment(each.time), each.item_hash, _saved(prices, each)) for each in waste]
        context.output.table("No longer needed", ("role", "why", "since", "message", "saves"), rows)
        context.ask(last_words(len(waste), prices.values()), otherwise="Nothing was forgotten.", hashes=hashes)

    with context.client() as client:
        deployment = context.deployment(client)
        session = context.session(client, deployment)
        done = forget(deployment, session, Health(), context.health(), keep=keep, others=other_project, confirm=ask)
    gone = [each.item_hash for each in done]
    context.output.result({"forgotten": gone}, f"{len(done)} forgotten." if done else "Nothing to forget.")


def _saved(prices: Mapping[str, Price], waste: Waste) -> str:
    return cost_text([prices[waste.item_hash]]) if waste.item_hash in prices else "-"
