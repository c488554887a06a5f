"""``hatch-aleph history`` and ``rollback``."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.liveness import Answer, answer_of
from hatch_aleph.cli.output import age, ago, moment, style
from hatch_aleph.cli.questions import confirm
from hatch_aleph.commands import typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_aleph.deploy.history import Release
    from hatch_aleph.deploy.state import Version


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
        context.output.say(_live_line(found, answer, now))
        if answer and answer.status is None:
            context.output.say(f"Trouble: {answer.failure(typed('logs'))}")
    rows = [
        (
            str(each.number),
            moment(each.time).removesuffix(" UTC"),
            age(now - each.time),
            each.version or "",
            *_told(each, here),
        )
        for each in found
    ]
    context.output.table("", ("number", "since (UTC)", "age", "version", "what", "changed", "commit", "by"), rows)
    fields = {"releases": [_release_json(each) for each in found], **(answer.to_json() if answer else {})}
    context.output.result(fields, None if found else f"Nothing of {deployment.tag} is live.")


def _live_line(found: Sequence[Release], answer: Answer | None, now: float) -> str:
    """Return whether it is well, in one line."""
    live = found[0]
    parts = [*([f"version {live.version}"] if live.version else []), f"released {ago(now - live.time)}"]
    parts += ["put back because the one after it failed"] if live.kind == "put back" else []
    if answer is None:
        return ", ".join(["Live: " + parts[0], *parts[1:]])
    said = f"Answering {answer.status} in {answer.time}" if answer.status else f"Not well: {answer.short}"
    return style(", ".join([said, *parts]), fg="green" if answer.status else "red", bold=True)


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

    def ask(release: Release) -> bool:
        what = f"release {release.number} ({release.version or 'no version'}, {moment(release.time)})"
        context.end_dry_run(f"Go back to {what}", release=_release_json(release))
        confirm(context.output, f"Go back to {what}?", yes=context.yes, otherwise="Nothing was changed.")
        return True

    with context.client() as client:
        deployment = context.deployment(client)
        session = context.session(client, deployment)
        done = roll_back(deployment, session, Health(), context.health(), to=to, confirm=ask)
    text = f"{done.url}\nback at {done.release.version or 'release'} of {moment(done.release.time)}"
    text += f" ({', '.join(done.amended)} amended)" if done.amended else ": nothing had to be amended"
    context.output.result(
        {
            "item_hash": done.item_hash,
            "url": done.url,
            "release": _release_json(done.release),
            "amended": list(done.amended),
        },
        text,
    )


def _told(release: Release, here: str) -> tuple[str, str, str, str]:
    """Return what it was, what changed, by which commit and machine."""
    changed = ", ".join(f"{role} {_short(release.contents[role])}" for role in release.changed) or "nothing"
    by = "this machine" if release.machine == here else release.machine or "-"
    what = f"{release.kind}, live" if release.number == 0 else release.kind
    return what, changed, release.commit or "-", by


def _short(version: Version) -> str:
    return f"{str(version.notes.get('sha256') or version.file_hash)[:12]}…"


def _release_json(release: Release) -> dict[str, Any]:
    contents = {role: asdict(version) for role, version in release.contents.items()}
    told = ("number", "time", "version", "kind", "changed", "commit", "machine")
    return {**{name: getattr(release, name) for name in told}, "contents": contents}
