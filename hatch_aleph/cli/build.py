"""``hatch-aleph build``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.value_types import FOLDER
from hatch_aleph.observer import size_text

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog="Example: hatch-aleph build --profile staging --out dist")
@with_context("project")
@click.option("--out", type=FOLDER, help="Folder for the files. [default: dist]")
@click.option("--locked", is_flag=True, help="Fail when the lock does not fit the project any more.")
@click.option("--offline", is_flag=True, help="Use what is cached, ask no index.")
@click.option("--no-secret-scan", is_flag=True, help="Refuse nothing that is or looks like a secret; `deploy` does.")
def build(context: Context, *, out: Path | None, locked: bool, offline: bool, no_secret_scan: bool) -> None:
    """Build the code image, the packages image and the manifest.

    Needs no account and no network but the package index.
    """
    searched = not no_secret_scan
    artifact = replace(context, dist=out, locked=locked, offline=offline, searched=searched).artifact()
    manifest = artifact.manifest
    for warning in manifest.warnings:
        context.output.notice(warning)
    fields: dict[str, Any] = {
        "manifest": str(artifact.path),
        "images": [
            {"role": each.role, "file": str(artifact.file(each)), "size": each.size} for each in manifest.images
        ],
        "warnings": list(manifest.warnings),
    }
    lines = [f"{artifact.file(each)}  {size_text(each.size)}" for each in manifest.images]
    context.output.result(fields, "\n".join([*lines, str(artifact.path)]))
