"""``hatch-aleph prune``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.output import moment
from hatch_aleph.cli.program_options import OTHER_PROJECT
from hatch_aleph.cli.questions import confirm

if TYPE_CHECKING:
    from hatch_aleph.deploy.cleanup import Waste


@click.command(epilog="Example: hatch-aleph prune --keep 2")
@with_context("project", "node", "account", "host", "owner", "state", "dry", "yes")
@click.option("--keep", type=click.IntRange(min=0), default=0, help="Earlier contents to keep for `rollback`.")
@OTHER_PROJECT
def prune(context: Context, *, keep: int, other_project: bool) -> None:
    """Forget what no program needs: earlier contents, volumes without a program, programs that a newer one supersedes.

    Shows it first, and asks.
    """
    from hatch_aleph.deploy.cleanup import prune as forget
    from hatch_aleph.deploy.health import Health

    def ask(waste: tuple[Waste, ...]) -> bool:
        rows = [(each.role, each.why, moment(each.time), each.item_hash) for each in waste]
        context.output.table("No longer needed", ("role", "why", "since", "message"), rows)
        context.end_dry_run(f"Forget these {len(waste)} for ever", hashes=[each.item_hash for each in waste])
        confirm(
            context.output, f"Forget these {len(waste)} for ever?", yes=context.yes, otherwise="Nothing was forgotten."
        )
        return True

    with context.client() as client:
        deployment = context.deployment(client)
        session = context.session(client, deployment)
        done = forget(deployment, session, Health(), context.health(), keep=keep, others=other_project, confirm=ask)
    hashes = [each.item_hash for each in done]
    context.output.result({"forgotten": hashes}, f"{len(done)} forgotten." if done else "Nothing to forget.")
