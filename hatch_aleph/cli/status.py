"""``hatch-aleph status``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.output import moment
from hatch_aleph.network.money import amount

if TYPE_CHECKING:
    from hatch_aleph.deploy.status import Status


@click.command(epilog="Example: hatch-aleph status --profile production")
@with_context("project", "node", "account", "host", "owner")
@click.option("--no-health", is_flag=True, help="Do not ask the program itself.")
def status(context: Context, *, no_health: bool) -> int:
    """Show what runs, since when, what it costs, and whether it answers.

    Ends with 1 when something is wrong with it, or nothing is live.
    """
    from hatch_aleph.deploy.health import Health
    from hatch_aleph.deploy.status import read_status

    with context.client() as client:
        found = read_status(context.deployment(client), None if no_health else Health(), context.health())
    context.output.result({"status": found.to_json()}, lambda: _status_text(found))
    return 0 if found.item_hash and not found.trouble else 1


def _status_text(found: Status) -> str:
    if found.item_hash is None:
        return "\n".join([f"Nothing of {found.tag} is live.", *found.trouble])
    lines = [f"{found.tag}: program {found.item_hash}, since {moment(found.since or 0)}"]
    lines += [f"  {url}" for url in (*(f"https://{domain}" for domain in found.domains), *found.urls)]
    lines.append(f"  {_whereabouts(found)}")
    for each in found.contents:
        earlier = f", {each.earlier} earlier kept" if each.earlier else ""
        lines.append(f"  {each.role} {each.version or ''} {each.sha256[:12]}… since {moment(each.since)}{earlier}")
    if found.daily is not None:
        kind = found.payment_type or "credit"
        lasts = (
            f"; the balance of {amount(found.balance or 0, kind)} lasts {found.days:,.0f} days" if found.days else ""
        )
        whole = " for all that the owner has" if found.days and (found.spending or 0) > found.daily else ""
        lines.append(f"  costs {amount(found.daily, kind)} a day{lasts}{whole}")
    lines += [f"  older, still live: {item_hash}" for item_hash in found.superseded]
    lines += [f"Trouble: {text}" for text in found.trouble]
    return "\n".join(lines)


def _whereabouts(found: Status) -> str:
    wanted = "persistent" if found.persistent else "on demand"
    if found.host is None:
        return f"{wanted}: {'the scheduler has no host for it' if found.persistent else 'any host starts it'}"
    if found.running_since is None:
        return f"{wanted}: not running on {found.host}"
    runs = {None: "runs", True: "runs as a persistent program", False: "runs on demand"}[found.runs_persistent]
    return f"{wanted}: {runs} on {found.host} since {found.running_since}"
