"""Commands for what is deployed: ``status``, ``history``, ``rollback``, ``verify``, ``diff``, ``prune``."""

from __future__ import annotations

import contextlib
import datetime as dt
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.deploying import (
    Choice,
    address_option,
    artifact_options,
    host_option,
    opener_of,
    project_health,
    project_target,
    state_option,
)
from hatch_aleph.cli.options import Common, common
from hatch_aleph.cli.output import confirm

if TYPE_CHECKING:
    from hatch_aleph.deploy.cleanup import Waste
    from hatch_aleph.deploy.history import Release
    from hatch_aleph.deploy.status import Status


@click.command(epilog="Example: hatch-aleph status --profile production")
@common(project=True, node=True, account=True)
@host_option
@address_option
@click.option("--no-health", is_flag=True, help="Do not ask the program itself.")
def status(shared: Common, *, host_url: str | None, address: str | None, no_health: bool) -> int:
    """Show what runs, since when, what it costs, and whether it answers.

    Ends with 1 when something is wrong with it, or nothing is live.
    """
    from hatch_aleph.deploy.health import Health
    from hatch_aleph.deploy.status import read_status

    with shared.client() as client:
        target = project_target(shared, client, address=address, host=host_url)
        found = read_status(target, None if no_health else Health(), project_health(shared))
    shared.output.result({"status": found.to_json()}, lambda: _status_text(found))
    return 0 if found.item_hash and not found.trouble else 1


def _status_text(found: Status) -> str:
    if found.item_hash is None:
        return "\n".join([f"Nothing of {found.tag} is live.", *found.trouble])
    lines = [f"{found.tag}: program {found.item_hash}, since {_when(found.since or 0)}"]
    lines += [f"  {url}" for url in (*(f"https://{domain}" for domain in found.domains), *found.urls)]
    for each in found.contents:
        earlier = f", {each.earlier} earlier kept" if each.earlier else ""
        lines.append(f"  {each.role} {each.version or ''} {each.sha256[:12]}… since {_when(each.since)}{earlier}")
    if found.daily is not None:
        unit = "credits" if found.payment_type == "credit" else "ALEPH"
        lasts = f"; {found.balance:,.2f} last {found.days:,.0f} days" if found.days is not None else ""
        lines.append(f"  costs {found.daily:,.2f} {unit} a day{lasts}")
    lines += [f"  older, still live: {item_hash}" for item_hash in found.superseded]
    lines += [f"Trouble: {text}" for text in found.trouble]
    return "\n".join(lines)


@click.command(epilog="Example: hatch-aleph history --json")
@common(project=True, node=True, account=True)
@address_option
def history(shared: Common, *, address: str | None) -> None:
    """List the releases that `rollback` can go back to, the present one first."""
    from hatch_aleph.deploy.history import releases

    with shared.client() as client:
        found = releases(project_target(shared, client, address=address).state())
    rows = [(str(each.number), _when(each.time), each.version or "", _contents(each)) for each in found]
    shared.output.table("", ("number", "since", "version", "contents"), rows)
    shared.output.result({"releases": [_release_json(each) for each in found]})


@click.command(epilog="Example: hatch-aleph rollback 1.4.2")
@common(project=True, node=True, account=True, yes=True)
@host_option
@state_option
@click.argument("to", required=False)
def rollback(shared: Common, *, to: str | None, host_url: str | None, state_folder: Path | None) -> None:
    """Go back to an earlier release, without upload and under the same URL.

    TO is a number of `history`, a version of the project, or the beginning of a hash; without it, the release before
    the present one.
    """
    from hatch_aleph.deploy.health import Health
    from hatch_aleph.deploy.rollback import roll_back

    def ask(release: Release) -> bool:
        what = f"release {release.number} ({release.version or 'no version'}, {_when(release.time)})"
        confirm(f"Go back to {what}?", yes=shared.yes)
        return True

    with shared.client() as client:
        opener = opener_of(shared, client, state_folder, host_url)
        done = roll_back(opener, Health(), project_health(shared), to=to, confirm=ask)
    text = f"{done.url}\nback at {done.release.version or 'release'} of {_when(done.release.time)}"
    text += f" ({', '.join(done.amended)} amended)" if done.amended else ": nothing had to be amended"
    shared.output.result(
        {
            "item_hash": done.item_hash,
            "url": done.url,
            "release": _release_json(done.release),
            "amended": list(done.amended),
        },
        text,
    )


@click.command(epilog="Example: hatch-aleph verify --profile production")
@common(project=True, node=True, account=True)
@artifact_options
@host_option
@address_option
def verify(shared: Common, *, host_url: str | None, address: str | None, **choice: Any) -> int:
    """Build the project anew from its lock, and compare it with what runs, by hash. Ends with 1 when they differ."""
    from hatch_aleph.deploy.verification import verify as compare

    with contextlib.ExitStack() as stack:
        chosen = Choice(**choice)
        if not chosen.no_build and chosen.dist is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hatch-aleph-verify-"))
            chosen = replace(chosen, dist=Path(folder))
        artifact = chosen.artifact(shared)
        client = stack.enter_context(shared.client())
        target = project_target(shared, client, address=address, host=host_url)
        found = compare(target, artifact.manifest, path=project_health(shared).path)
    lines = [f"{each.role}: {'the same' if each.same else 'differs'} ({each.built[:12]}…)" for each in found.images]
    lines += [f"program.{change.path}: {change.before!r} runs, {change.after!r} is built" for change in found.fields]
    running = {
        True: "what answers is the newest code",
        False: "what answers is older code",
        None: "not told by the host",
    }
    lines.append(f"running: {running[found.running]}")
    lines.append("Verified." if found.same else "What runs is not what this project builds.")
    shared.output.result({"verification": asdict(found), "same": found.same}, "\n".join(lines))
    return 0 if found.same else 1


@click.command(epilog="Example: hatch-aleph diff --no-build")
@common(project=True, node=True, account=True)
@artifact_options
@address_option
def diff(shared: Common, *, address: str | None, **choice: Any) -> int:
    """Show which files differ between the artifact and what is live. Ends with 1 when any does."""
    from hatch_aleph.deploy.verification import diff as compare

    artifact = Choice(**choice).artifact(shared)
    with shared.client() as client:
        found = compare(project_target(shared, client, address=address), artifact)
    signs = {"added": "+", "removed": "-", "changed": "~"}
    lines = [f"{signs[each.kind]} {each.role}: {each.path} ({_sizes(each.before, each.after)})" for each in found]
    text = "\n".join(lines) or "No file differs."
    shared.output.result({"differences": [asdict(each) for each in found], "same": not found}, text)
    return 1 if found else 0


@click.command(epilog="Example: hatch-aleph prune --keep 2")
@common(project=True, node=True, account=True, yes=True)
@host_option
@state_option
@click.option("--keep", type=click.IntRange(min=0), default=0, help="Earlier contents to keep for `rollback`.")
def prune(shared: Common, *, keep: int, host_url: str | None, state_folder: Path | None) -> None:
    """Forget what no program needs: earlier contents, volumes without a program, programs that a newer one supersedes.

    Shows it first, and asks.
    """
    from hatch_aleph.deploy.cleanup import prune as forget
    from hatch_aleph.deploy.health import Health

    def ask(waste: tuple[Waste, ...]) -> bool:
        rows = [(each.role, each.why, _when(each.time), each.item_hash) for each in waste]
        shared.output.table("No longer needed", ("role", "why", "since", "message"), rows)
        confirm(f"Forget these {len(waste)} for ever?", yes=shared.yes)
        return True

    with shared.client() as client:
        opener = opener_of(shared, client, state_folder, host_url)
        done = forget(opener, Health(), project_health(shared), keep=keep, confirm=ask)
    hashes = [each.item_hash for each in done]
    shared.output.result({"forgotten": hashes}, f"{len(done)} forgotten." if done else "Nothing to forget.")


def _when(time: float) -> str:
    return f"{dt.datetime.fromtimestamp(time, dt.timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def _contents(release: Release) -> str:
    return ", ".join(
        f"{role} {str(version.notes.get('sha256') or version.file_hash)[:12]}…"
        for role, version in sorted(release.contents.items())
    )


def _release_json(release: Release) -> dict[str, Any]:
    contents = {role: asdict(version) for role, version in release.contents.items()}
    return {"number": release.number, "time": release.time, "version": release.version, "contents": contents}


def _sizes(before: int | None, after: int | None) -> str:
    told = [f"{size:,} B" for size in (before, after) if size is not None]
    return " → ".join(told)
