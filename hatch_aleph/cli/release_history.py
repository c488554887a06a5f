"""``hatch-aleph history`` and ``rollback``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.liveness import Answer, answer_of
from hatch_aleph.cli.output import age, ago, moment, style
from hatch_aleph.commands import typed
from hatch_aleph.network.money import for_a_day

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from hatch_aleph.deploy.history import Release


@click.command(epilog="Example: hatch-aleph history --check")
@with_context("project", "node", "account", "host", "owner")
@click.option("--check", is_flag=True, help="Ask the program too whether it answers; who asks starts one that sleeps.")
def history(context: Context, *, check: bool) -> None:
    """List the releases that `rollback` can go back to, the present one first."""
    from hatch_aleph.deploy.history import releases
    from hatch_aleph.origin import machine

    with context.client() as client:
        deployment = context.deployment(client)
        state = deployment.state()
        found = releases(state)
        answer = answer_of(deployment.hosts, state.programs[0], context.health()) if check and state.programs else None
    now, here = time.time(), machine(deployment.owner)
    if found and not context.output.as_json:
        last = f"No program is live. The last was {release_text(found[0], now)}"
        context.output.say(_live_line(found, answer, now) if state.programs else last)
        if answer and answer.status is None:
            context.output.say(f"Trouble: {answer.failure(typed('logs'))}")
    rows = [
        (
            str(each.number),
            moment(each.time).removesuffix(" UTC"),
            age(now - each.time),
            each.version or "",
            *_told(each, here, live=bool(state.programs) and each is found[0]),
        )
        for each in found
    ]
    context.output.table("", ("release", "since (UTC)", "age", "version", "what", "changed", "commit", "by"), rows)
    fields = {"releases": [each.to_json() for each in found], **(answer.to_json() if answer else {})}
    context.output.result(fields, None if found else f"Nothing of {deployment.tag} is live.")


def _live_line(found: Sequence[Release], answer: Answer | None, now: float) -> str:
    """Return whether it is well, in one line."""
    told = release_text(found[0], now)
    if answer is None:
        return f"Live: {told}"
    said = f"Answering {answer.status} in {answer.time}" if answer.status else f"Not well: {answer.short}"
    return style(f"{said}, {told}", fg="green" if answer.status else "red", bold=True)


def release_text(release: Release, now: float) -> str:
    """Return which release it is, what made it unless that was a deployment, and how old it is."""
    about = f"version {release.version}" if release.version else ""
    if release.kind in ("rollback", "put back"):
        about = f"back at {about or 'earlier content'}"
        about += ", as the release before it failed" if release.kind == "put back" else ""
    return f"release {release.number}{f' ({about})' if about else ''}, {ago(now - release.time)}"


@click.command(epilog="Example: hatch-aleph rollback 1.4.2")
@with_context("project", "node", "account", "host", "owner", "state", "dry", "yes")
@click.argument("to", required=False)
def rollback(context: Context, *, to: str | None) -> None:
    """Go back to an earlier release, without upload and under the same URL.

    TO is a number of `history`, a version of the project, or the beginning of a hash; without it, the release before
    the present one.
    """
    from hatch_aleph.deploy.health import Health
    from hatch_aleph.deploy.rollback import roll_back

    def ask(release: Release, roles: Sequence[str], per_day: Decimal | None) -> None:
        what = f"Go back to {_named(release)}"
        if roles:
            what += f": {' and '.join(roles)} again, {for_a_day(per_day)}; the present content stays and is paid for"
        context.ask(what, otherwise="Nothing was changed.", release=release.to_json())

    with context.client() as client:
        deployment = context.deployment(client)
        session = context.session(client, deployment)
        done = roll_back(deployment, session, Health(), context.health(), to=to, confirm=ask)
    text = f"{done.url}\nback at {_named(done.release)}"
    text += f" ({', '.join(done.amended)} amended)" if done.amended else ": nothing had to be amended"
    context.output.result(
        {
            "item_hash": done.item_hash,
            "url": done.url,
            "release": done.release.to_json(),
            "amended": list(done.amended),
        },
        text,
    )


def _named(release: Release) -> str:
    return f"release {release.number} ({release.version or 'no version'}, {moment(release.time)})"


def _told(release: Release, here: str, *, live: bool) -> tuple[str, str, str, str]:
    """Return what it was, what changed, by which commit and machine."""
    changed = ", ".join(f"{role} {release.contents[role].digest[:12]}…" for role in release.changed) or "nothing"
    by = "this machine" if release.machine == here else release.machine or "-"
    what = f"{release.kind}, live" if live else release.kind
    return what, changed, release.commit or "-", by
