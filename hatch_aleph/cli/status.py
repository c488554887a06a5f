"""``hatch-aleph status``."""

from __future__ import annotations

import re
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.output import ago, moment, style
from hatch_aleph.commands import typed
from hatch_aleph.network.money import amount, days_text, figure, figures, for_a_day

if TYPE_CHECKING:
    from hatch_aleph.deploy.status import Status, Unused
    from hatch_aleph.network.executions import Execution
    from hatch_aleph.programs.live_programs import Listed

_ISO_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:\+00:00|Z)")  # as hosts write it


@click.command(epilog="Example: hatch-aleph status --profile production")
@with_context("project", "node", "account", "host", "owner")
@click.option("--no-health", is_flag=True, help="Do not ask the program itself.")
@click.option("--all", "everything", is_flag=True, help="Show all that the owner has, not this project's alone.")
def status(context: Context, *, no_health: bool, everything: bool) -> int:
    """Show what runs, since when, what it costs, and whether it answers.

    Ends with 1 when something is wrong with it, or nothing is live. With --all it needs no project, and asks no
    program: who asks starts it.
    """
    if everything:
        return _status_of_owner(context)
    from hatch_aleph.deploy.health import Health
    from hatch_aleph.deploy.status import read_status

    with context.client() as client:
        found = read_status(context.deployment(client), None if no_health else Health(), context.health())
    context.output.result({"status": found.to_json()}, lambda: _status_text(found))
    return 0 if found.item_hash and not found.trouble else 1


def _status_text(found: Status) -> str:
    from hatch_aleph.deploy.health import FAILED_START
    from hatch_aleph.deploy.program_log import explained
    from hatch_aleph.deploy.status import NOT_WELL

    if found.item_hash is None:
        return "\n".join([f"Nothing of {found.tag} is live.", *map(_unused_text, found.unused), *found.trouble])
    lines = [_health_line(found), f"{found.tag}, since {moment(found.since or 0)}"]
    lines.append(f"  program {found.item_hash}")
    lines += [f"  {url}" for url in (*(f"https://{domain}" for domain in found.domains), *found.urls)]
    lines.append(f"  {_whereabouts(found)}")
    for each in found.contents:
        earlier = f", {each.earlier} earlier kept" if each.earlier else ""
        lines.append(f"  {each.role} {each.version or ''} {each.sha256[:12]}… since {moment(each.since)}{earlier}")
    if found.daily is not None:
        balance = amount(found.balance or 0, found.payment_type or "credit")
        lasts = f"; the balance of {balance} lasts {days_text(found.days)}" if found.days else ""
        free = f"; {balance} are free" if found.payment_type == "hold" else ""
        whole = " for all that the owner has" if found.days and (found.spending or 0) > found.daily else ""
        lines.append(f"  costs {_cost(found)}{lasts}{whole}{free}")
    lines += [f"  older, still live: {item_hash}" for item_hash in found.superseded]
    lines += [f"  kept by --keep-prev: {item_hash}" for item_hash in found.kept]
    lines += map(_unused_text, found.unused)
    lines += [f"  {found.remark}."] if found.remark else []
    log = typed("logs") if found.host else ""
    lines += [f"Trouble: {explained(text, log if text.startswith(NOT_WELL) else '')}" for text in found.trouble]
    if any(FAILED_START in text for text in found.trouble):
        back = f", or go back: {typed('rollback')}" if found.releases > 1 else ""
        lines.append(f"Mend it and deploy again: {typed('deploy')}{back}")
    return "\n".join(lines)


def _health_line(found: Status) -> str:
    """Return whether it is well, in one line."""
    from hatch_aleph.cli.release_history import release_text

    now = time.time()
    parts = [release_text(found.release, now) if found.release else f"published {ago(now - (found.since or 0))}"]
    if found.daily is not None:
        parts.append(_cost(found))
    if found.trouble:
        return style(", ".join(["Not well: see below", *parts]), fg="red", bold=True)
    if found.answered is None:
        return ", ".join(["Not asked", *parts])
    said = f"Answering {found.answered} in {(found.answer_seconds or 0) * 1000:.0f} ms"
    return style(", ".join([said, *parts]), fg="green", bold=True)


def _cost(found: Status) -> str:
    """Return what it costs as people read it: what is held, or a day of the rest."""
    kind = found.payment_type or "credit"
    return f"{amount(found.held or 0, kind)} held" if kind == "hold" else f"{amount(found.daily or 0, kind)} a day"


def _whereabouts(found: Status) -> str:
    wanted = "persistent" if found.persistent else "on demand"
    if found.host is None:
        return f"{wanted}: {'the scheduler has no host for it' if found.persistent else 'any host starts it'}"
    if found.running_since is None:
        return f"{wanted}: not running on {found.host}"
    runs = {None: "runs", True: "runs as a persistent program", False: "runs on demand"}[found.runs_persistent]
    since = _ISO_TIME.sub(r"\1 \2 UTC", found.running_since)
    return f"{wanted}: {runs} on {found.host} since {since}"


def _unused_text(each: Unused) -> str:
    cost = for_a_day(each.per_day)
    return f"  no program uses {each.role} {each.ref} of {moment(each.since)}, {cost}"


def _status_of_owner(context: Context) -> int:
    from hatch_aleph.deploy.payment import soon_unpaid
    from hatch_aleph.network.urls import Hosts
    from hatch_aleph.programs.live_programs import list_programs, unused_files

    owner = context.owner()
    with context.client() as client:
        programs = [each for batch in list_programs(client, owner) for each in batch]
        unused = unused_files(client, owner)
        balance, spending = client.balance(owner).credits, client.spending(owner)
        hosts = Hosts(client.nodes[0], context.host_url)
        running = (hosts.list_executions(hosts.known) or {}) if hosts.known else None
        poor = soon_unpaid(client.nodes[0], owner, float(spending or 0), float(balance))
        trouble = [f"{each.message.item_hash} is {each.message.status.value}" for each in programs if each.unpaid]
        trouble += [poor] if poor else []
    rows = [
        (each.name or "-", each.deployment, each.message.item_hash, _runs(each, running), each.cost_text)
        for each in programs
    ]
    context.output.table(f"{owner}", ("name", "deployment", "item hash", "host", "cost"), rows)
    lines = [*map(_unused_text, unused)]
    if spending is not None:
        lasts = f", which lasts {days_text(balance / spending)}" if spending else ""
        lines.append(f"{amount(spending, 'credit')} a day of the balance of {amount(balance, 'credit')}{lasts}")
    lines += [f"Trouble: {text}" for text in trouble]
    fields = {
        "owner": owner,
        "programs": [each.to_json() for each in programs],
        "unused": [figures(asdict(each)) for each in unused],
        "balance": figure(balance),
        "spending": None if spending is None else figure(spending),
        "trouble": trouble,
    }
    context.output.result({"status": fields}, "\n".join(lines) or f"{owner} has nothing here.")
    return 1 if trouble else 0


def _runs(each: Listed, running: dict[str, Execution] | None) -> str:
    if each.verifiable:
        return "verifiable"
    if running is None:
        return "not told"
    found = running.get(each.message.item_hash)
    return "runs" if found and found.running else "asleep"
