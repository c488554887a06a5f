"""``hatch-aleph lock``."""

from __future__ import annotations

from dataclasses import asdict

import click

from hatch_aleph.cli.context import Context, with_context


@click.command(epilog="Example: hatch-aleph lock --upgrade-package fastapi")
@with_context("project")
@click.option("--upgrade", is_flag=True, help="Take the newest versions of everything.")
@click.option("--upgrade-package", "packages", metavar="NAME", multiple=True, help="Take the newest version of one.")
@click.option("--check", is_flag=True, help="Write nothing; fail when the lock would change.")
@click.option("--offline", is_flag=True, help="Use what is cached, ask no index.")
def lock(context: Context, *, upgrade: bool, packages: tuple[str, ...], check: bool, offline: bool) -> None:
    """Write or refresh pylock.toml: every dependency, pinned for the runtime.

    Later builds take exactly these files. Versions that still fit are kept.
    """
    from hatch_aleph.build.packages.lock import write_lock

    change = write_lock(
        context.project,
        context.profile,
        upgrade=upgrade or packages,
        check=check,
        offline=offline,
        notice=context.output.notice,
    )
    lines = [
        *(f"+ {each}" for each in change.added),
        *(f"- {each}" for each in change.removed),
        *(f"~ {each}" for each in change.changed),
    ]
    context.output.result({**asdict(change), "file": str(change.file)}, "\n".join([*lines, str(change.file)]))
