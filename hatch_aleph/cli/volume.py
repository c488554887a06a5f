"""``hatch-aleph volume``: volumes of programs without a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.item_hash_type import ItemHashType, item_hash_argument
from hatch_aleph.cli.output import moment
from hatch_aleph.cli.program_options import ALLOW_SECRET, SECRET_SCAN
from hatch_aleph.cli.value_types import CONTENT
from hatch_aleph.network.money import amount
from hatch_aleph.observer import size_text

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.programs.volumes import OwnVolume


@click.group()
def volume() -> None:
    """Publish volumes for programs without a project, list, show and delete them.

    A project names its own in [tool.aleph.volumes], by their paths.
    """


@volume.command(epilog="Example: hatch-aleph volume publish ./model --name model")
@with_context("node", "account", "host", "owner", "ask", "dry", "yes")
@click.argument("path", type=CONTENT)
@click.option("--name", metavar="NAME", help="What it is called. [default: the folder's or file's name]")
@click.option(
    "--amend", "amends", type=ItemHashType("volume"), metavar="ITEM_HASH", help="Give this volume the new content."
)
@ALLOW_SECRET
@SECRET_SCAN
def publish(
    context: Context,
    *,
    path: Path,
    name: str | None,
    amends: str | None,
    allow_secret: tuple[str, ...],
    secret_scan: bool,
) -> None:
    """Publish PATH, a folder, a file or a .squashfs image, as a volume that programs mount read-only.

    Programs name the item hash that is printed: --immutable-volume mount=/opt/model,ref=ITEM_HASH. Hosts stop the
    programs that mount a volume when it is amended; this waits until each answers again.
    """
    from hatch_aleph.programs.volumes import publish as pin

    with context.client() as client:
        session = context.program_session(client)
        amends = amends and context.completed(client, amends, "volume")
        item_hash = pin(session, path, name=name, amends=amends, allow=allow_secret, scan=secret_scan)
    context.output.result({"item_hash": item_hash}, item_hash)


@volume.command("list", epilog="Example: hatch-aleph volume list 0x1234... --json")
@with_context("whose", "node", "account")
def list_volumes(context: Context) -> None:
    """List the volumes that ADDRESS, or your own account, has published without a project."""
    from hatch_aleph.programs.volumes import volumes

    address = context.owner()
    with context.client() as client:
        found = volumes(client, address)
    rows = [(each.name, each.volume.ref, _size(each), _cost(each), str(len(each.programs))) for each in found]
    context.output.table(f"Volumes of {address}", ("name", "item hash", "size", "cost", "programs"), rows)
    fields = {"address": address, "volumes": [each.to_json() for each in found]}
    context.output.result(fields, None if found else f"{address} has published no volume.")


@volume.command(epilog="Example: hatch-aleph volume show ITEM_HASH")
@with_context("node", "account", "owner")
@item_hash_argument("volume")
def show(context: Context, *, item_hash: str) -> None:
    """Show a volume: its contents, what it costs, which programs of its owner mount it."""
    from hatch_aleph.programs.volumes import find

    with context.client() as client:
        found = find(client, context.completed(client, item_hash, "volume"))
    lines = [f"{found.name}  {found.volume.ref}", f"  {_size(found)}, {_cost(found)}"]
    lines += [f"  {moment(each.time)}  {each.item_hash}" for each in found.volume.versions]
    lines += [f"  mounted by {program.item_hash}" for program in found.programs] or ["  No program mounts it."]
    context.output.result(found.to_json(), "\n".join(lines))


@volume.command(epilog="Example: hatch-aleph volume delete ITEM_HASH")
@with_context("node", "account", "owner", "dry", "yes")
@item_hash_argument("volume")
def delete(context: Context, *, item_hash: str) -> None:
    """Forget a volume with all its contents, if no program of yours mounts it."""
    from hatch_aleph.programs.volumes import delete as forget

    with context.client() as client:
        item_hash = context.completed(client, item_hash, "volume")
        gone = forget(context.program_session(client), item_hash)
    context.output.result({"item_hash": item_hash, "forgotten": list(gone)}, f"Volume {item_hash} is deleted.")


def _size(each: OwnVolume) -> str:
    size = each.volume.current.size
    return "unknown size" if size is None else size_text(size)


def _cost(each: OwnVolume) -> str:
    return "unknown cost" if each.per_day is None else f"{amount(each.per_day, 'credit')} a day"
