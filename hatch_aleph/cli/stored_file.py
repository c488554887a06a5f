"""``hatch-aleph file``: files that the network keeps, without a program around them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.item_hash_type import ItemHashType
from hatch_aleph.cli.message import forget_command
from hatch_aleph.cli.output import moment
from hatch_aleph.cli.program_options import ALLOW_SECRET, SECRET_SCAN
from hatch_aleph.cli.value_types import EXISTING_FILE, FILE
from hatch_aleph.errors import PlanError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.records import Pinned


@click.group()
def file() -> None:
    """Publish, pin, list, fetch and forget files. What is published is public for ever."""


@file.command(epilog="Example: hatch-aleph file upload model.bin")
@with_context("node", "account", "owner", "dry", "yes")
@click.argument("path", type=EXISTING_FILE)
@ALLOW_SECRET
@SECRET_SCAN
def upload(context: Context, *, path: Path, allow_secret: tuple[str, ...], secret_scan: bool) -> None:
    """Publish the file PATH, for programs to use as a volume or for anybody to fetch."""
    from hatch_aleph.records import upload_file

    with context.client() as client:
        session = context.program_session(client)
        _told(context, upload_file(session, path, allow=allow_secret, scan=secret_scan))


@file.command(epilog="Example: hatch-aleph file pin FILE_HASH")
@with_context("node", "account", "owner", "dry", "yes")
@click.argument("file_hash", type=ItemHashType(takes_files=True))
def pin(context: Context, *, file_hash: str) -> None:
    """Keep a file that a node has already, by the hash of its bytes."""
    from hatch_aleph.records import pin_file

    with context.client() as client:
        _told(context, pin_file(context.program_session(client), file_hash))


def _told(context: Context, pinned: Pinned) -> None:
    context.output.result(
        asdict(pinned), f"{pinned.item_hash}\nIts file is {pinned.file_hash}: /api/v0/storage/raw/{pinned.file_hash}"
    )


@file.command("list", epilog="Example: hatch-aleph file list --address 0x1234...")
@with_context("node", "account", "owner")
def list_files(context: Context) -> None:
    """List the files of your account, or of --address, and how many programs use each."""
    from hatch_aleph.records import files_of

    owner = context.owner()
    with context.client() as client:
        found = files_of(client, owner)
    rows = []
    for store, users in found:
        metadata = store.content.get("metadata")
        name = str(metadata.get("name") or "") if isinstance(metadata, dict) else ""
        kind = f"amend of {store.content['ref']}" if store.content.get("ref") else name
        rows.append((store.item_hash, moment(store.content_time), str(len(users)), kind or "-"))
    context.output.table(f"Files of {owner}", ("item hash", "published", "programs", "what"), rows)
    files = [
        {
            "item_hash": store.item_hash,
            "file_hash": store.content.get("item_hash"),
            "ref": store.content.get("ref"),
            "time": store.content_time,
            "status": store.status.value,
            "used_by": list(users),
        }
        for store, users in found
    ]
    context.output.result({"address": owner, "files": files}, None if rows else f"{owner} has no files.")


@file.command(epilog="Example: hatch-aleph file get ITEM_HASH --to model.bin")
@with_context("node", "account", "owner")
@click.argument("item_hash", type=ItemHashType("file", takes_files=True))
@click.option("--to", type=FILE, required=True, help="Where it is written.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def get(context: Context, *, item_hash: str, to: Path, force: bool) -> None:
    """Fetch a file, which is verified: by the item hash of its STORE message, amends followed, or by its own hash."""
    if to.exists() and not force:
        raise UsageError("There is a file already", where=str(to), hint="Choose another name, or say --force.")
    with context.client() as client:
        item_hash = context.completed(client, item_hash, "file")
        newest = client.newest_content(item_hash)
        file_hash = newest.file_hash if newest else item_hash
        if newest is None and not client.has_file(item_hash):
            raise PlanError("The node knows no such message or file", where=item_hash)
        client.download(file_hash, to)
        size = to.stat().st_size
    fields = {"item_hash": newest and newest.item_hash, "file_hash": file_hash, "file": str(to), "size": size}
    context.output.result(fields, f"{to}: {size:,} bytes, {file_hash}")


file.add_command(
    forget_command(
        "STORE",
        "Let go of files, by the item hashes of their STORE messages; those that your programs use are refused.",
        "hatch-aleph file forget ITEM_HASH",
    )
)
