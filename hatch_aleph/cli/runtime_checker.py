"""``hatch-aleph runtime-checker``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.item_hash_type import RuntimeType
from hatch_aleph.cli.program_options import debug_option

if TYPE_CHECKING:
    from hatch_aleph.programs.runtime_check import Checked


@click.command("runtime-checker", epilog="Example: hatch-aleph runtime-checker debian-12")
@with_context("node", "account", "host", "dry")
@click.argument("item_hash", type=RuntimeType(), metavar="ITEM_HASH")
@click.option("--verbose/--no-verbose", default=False, help="Show installed distributions and paths as well.")
@debug_option
def runtime_checker(context: Context, *, item_hash: str, verbose: bool) -> None:
    """Show what a runtime holds: distribution, Python, C library, preloaded modules, Node.js ...

    ITEM_HASH is the runtime's, or its name. A tiny program is published on it, asked, and deleted with its code; it
    costs credits for the minute that takes. What differs from what builds assume of the runtime is told, and what was
    read of a runtime that builds do not know is what they assume from then on. A local host that has no image of the
    runtime runs this machine's Python in its place, and says nothing of the rest.
    """
    from hatch_aleph.programs.runtime_check import check_runtime

    with context.client() as client:
        checked = check_runtime(context.program_session(client), context.runtime(item_hash), host=context.host_url)
    fields = {
        "runtime": checked.runtime,
        "facts": checked.facts,
        "differences": [asdict(each) for each in checked.differences],
    }
    context.output.result(fields, lambda: _words(checked, verbose=verbose))


def _words(checked: Checked, *, verbose: bool) -> str:
    facts = checked.facts
    read = facts.get("image") is not False
    lines = [
        f"Runtime:      {checked.runtime}",
        f"Distribution: {(facts.get('distribution') or 'unknown') if read else 'not read'}",
        f"Python:       {facts.get('implementation')} {facts.get('python')}",
        f"glibc:        {facts.get('glibc') or 'none'}",
        f"Machine:      {facts.get('machine')}" + (f", kernel {facts.get('kernel')}" if read else ""),
        f"Init:         {facts.get('init') or 'unknown'}",
        *([f"Bytecode:     {', '.join(facts['bytecode']) or 'none'}"] if facts.get("bytecode") is not None else []),
        f"Preloaded:    {_pairs(facts.get('preloaded')) or 'nothing'}",
        *(f"{name + ':':<13} {version}" for name, version in (facts.get("tools") or {}).items()),
    ]
    if verbose:
        lines.append(f"Installed:    {_pairs(facts.get('installed'))}")
        lines.append(f"Path:         {', '.join(facts.get('path') or ())}")
    if not read:
        lines.append("The host has no image of the runtime and runs this machine's Python in its place.")
    elif not checked.differences:
        lines.append("It is as builds assume.")
    lines.extend(
        f"Other than builds assume: {each.fact} {each.found} (assumed: {each.assumed}); {each.advice}"
        for each in checked.differences
    )
    return "\n".join(lines)


def _pairs(versions: dict[str, str] | None) -> str:
    return ", ".join(f"{name} {version}".strip() for name, version in (versions or {}).items())
