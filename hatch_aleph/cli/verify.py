"""``hatch-aleph verify`` and ``diff``: what is built beside what runs."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.output import style
from hatch_aleph.files import scratch_folder
from hatch_aleph.observer import size_text
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_aleph.deploy.file_differences import Differences


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
@click.option("--all", "everything", is_flag=True, help="List each file: of distributions, bytecode, metadata as well.")
def diff(context: Context, *, everything: bool) -> int:
    """Show what differs between the artifact and what is live: distributions, then the project's own files.

    Ends with 1 when anything does.
    """
    from hatch_aleph.deploy.file_differences import differences_of

    artifact = context.artifact()
    with context.client() as client:
        found = differences_of(context.deployment(client, artifact), artifact)
    context.output.result(
        {
            "differences": [asdict(each) for each in found.files],
            "distributions": [{**asdict(each), "kind": each.kind} for each in found.distributions],
            "same": not found.files,
        },
        lambda: "\n".join(_difference_lines(found, everything=everything)) or "No file differs.",
        fold=False,
    )
    return 1 if found.files else 0


_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
_LINE_COLOURS = {"+": "green", "-": "red", "@": "cyan", "(": "yellow"}


def _difference_lines(found: Differences, *, everything: bool) -> Iterator[str]:
    for each in found.distributions:
        versions = " → ".join(dict.fromkeys(filter(None, (each.version_before, each.version_after))))
        files = f"{each.files} file{'s' if each.files > 1 else ''}"
        yield _marked(each.kind, f"{each.name} {versions}  {files}, {_sizes(each.before, each.after)}")
    passed_over: Counter[str] = Counter()
    for file in found.files:
        if not everything and (file.sort != "own" or file.distribution):
            if not file.distribution:
                passed_over[file.sort] += 1
            continue
        yield _marked(file.kind, f"{file.role}: {file.path} ({_sizes(file.before, file.after)})")
        for line in file.lines:
            yield style(printable(line, keep="\t"), fg=_LINE_COLOURS.get(line[:1]))
    if passed_over:
        names = {"bytecode": "bytecode", "metadata": "metadata", "tool": "this tool", "own": "no distribution"}
        counts = ", ".join(f"{count} of {names[sort]}" for sort, count in sorted(passed_over.items()))
        yield f"Files that are not listed here: {counts} (--all lists them)."


def _marked(kind: str, text: str) -> str:
    sign, colour = _SIGNS[kind]
    return style(f"{sign} {printable(text)}", fg=colour, bold=True)


def _sizes(before: int | None, after: int | None) -> str:
    return " → ".join(dict.fromkeys(size_text(size) for size in (before, after) if size is not None))
