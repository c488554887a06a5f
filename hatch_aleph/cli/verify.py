"""``hatch-aleph verify`` and ``diff``: what is built beside what runs."""

from __future__ import annotations

import contextlib
from dataclasses import asdict

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.files import scratch_folder


@click.command(epilog="Example: hatch-aleph verify --profile production")
@with_context("named", "project", "artifact", "node", "account", "host", "owner")
def verify(context: Context) -> int:
    """Build the project anew from its lock, and compare it with what runs, by hash. Ends with 1 when they differ.

    Nothing is taken from what earlier builds have kept in the cache.
    """
    from hatch_aleph.deploy.verification import verify as compare

    with contextlib.ExitStack() as stack:
        artifact = context.built()
        if artifact is None:
            scratch = stack.enter_context(scratch_folder())
            artifact = context.artifact(folder=None if context.dist else scratch / "dist", anew=scratch / "cache")
        client = stack.enter_context(context.client())
        deployment = context.deployment(client, artifact)
        found = compare(deployment, artifact.manifest, path=context.health(artifact).path)
    lines = [f"{each.role}: {'the same' if each.same else 'differs'} ({each.built[:12]}…)" for each in found.images]
    lines += [f"program.{change.path}: {change.before!r} runs, {change.after!r} is built" for change in found.fields]
    running = {
        True: "the host serves the newest code",
        False: "the host still serves the previous code",
        None: "not told by the host",
    }
    lines.append(f"running: {running[found.running]}")
    lines.append("Verified." if found.same else "What runs is not what this project builds.")
    context.output.result({"verification": asdict(found), "same": found.same}, "\n".join(lines))
    return 0 if found.same else 1


@click.command(epilog="Example: hatch-aleph diff --no-build")
@with_context("named", "project", "artifact", "node", "account", "owner")
def diff(context: Context) -> int:
    """Show which files differ between the artifact and what is live. Ends with 1 when any does."""
    from hatch_aleph.deploy.verification import diff as compare

    artifact = context.artifact()
    with context.client() as client:
        found = compare(context.deployment(client, artifact), artifact)
    signs = {"added": "+", "removed": "-", "changed": "~"}
    lines = [f"{signs[each.kind]} {each.role}: {each.path} ({_sizes(each.before, each.after)})" for each in found]
    text = "\n".join(lines) or "No file differs."
    context.output.result({"differences": [asdict(each) for each in found], "same": not found}, text)
    return 1 if found else 0


def _sizes(before: int | None, after: int | None) -> str:
    told = [f"{size:,} B" for size in (before, after) if size is not None]
    return " → ".join(told)
