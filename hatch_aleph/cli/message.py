"""``hatch-aleph message``: messages of any type, as the network has them."""

from __future__ import annotations

import itertools
import json

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.item_hash_type import ItemHashType, item_hash_argument
from hatch_aleph.cli.output import moment
from hatch_aleph.cli.program_options import message_fields
from hatch_aleph.errors import PlanError
from hatch_aleph.network.answers import SETTLED

_TYPES = ("PROGRAM", "STORE", "FORGET", "AGGREGATE", "POST", "INSTANCE", "V-PROGRAM")


@click.group()
def message() -> None:
    """Show, list and forget messages of any type."""


@message.command(epilog="Example: hatch-aleph message get ITEM_HASH")
@with_context("node", "account", "owner")
@item_hash_argument("message")
def get(context: Context, *, item_hash: str) -> None:
    """Show a message with its status and content, its signature verified while it is live."""
    with context.client() as client:
        item_hash = context.completed(client, item_hash, "message")
        found = client.message(item_hash)
    if found is None:
        raise PlanError("The node knows no such message", where=item_hash)
    fields = message_fields(found)
    context.output.result({"message": fields}, json.dumps(fields, indent=2, ensure_ascii=False), fold=False)


@message.command("list", epilog="Example: hatch-aleph message list --type STORE --limit 20")
@with_context("node", "account", "owner")
@click.option("--type", "types", multiple=True, type=click.Choice(_TYPES), help="Only such. May be repeated.")
@click.option("--status", type=click.Choice(SETTLED), default="processed", show_default=True)
@click.option("--channel", "channels", multiple=True, help="Only on this channel. May be repeated.")
@click.option("--tag", "tags", multiple=True, help="Only with this tag. May be repeated.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest ones.")
def list_messages(
    context: Context,
    *,
    types: tuple[str, ...],
    status: str,
    channels: tuple[str, ...],
    tags: tuple[str, ...],
    limit: int,
) -> None:
    """List the messages of your account, or of --address, newest first."""
    owner = context.owner()
    with context.client() as client:
        found = client.messages(types=types, owners=(owner,), statuses=(status,), channels=channels, tags=tags)
        shown = list(itertools.islice(found, limit))
    rows = [(each.item_hash, each.type, moment(each.time), each.channel or "-") for each in shown]
    context.output.table(f"Messages of {owner}, {status}", ("item hash", "type", "time", "channel"), rows)
    context.output.result(
        {"address": owner, "messages": [message_fields(each) for each in shown]}, None if rows else "No such messages."
    )


def forget_command(only: str | None, text: str, example: str) -> click.Command:
    """Return the command that forgets messages: of any type, or ``only`` of one."""
    what = "message" if only is None else "file"

    @click.command("forget", help=text, epilog=f"Example: {example}")
    @with_context("node", "account", "owner", "dry", "yes")
    @click.argument("item_hash", type=ItemHashType(what), nargs=-1, required=True)
    @click.option("--reason", default="No longer needed", show_default=True, help="Said to everybody.")
    def forget(context: Context, *, item_hash: tuple[str, ...], reason: str) -> None:
        from hatch_aleph.records import forget_messages

        with context.client() as client:
            hashes = [context.completed(client, each, what) for each in item_hash]
            sent = forget_messages(context.program_session(client), hashes, reason=reason, only=only)
        context.output.result({"forgotten": hashes, "messages": sent}, f"Forgotten: {', '.join(hashes)}")

    return forget


message.add_command(
    forget_command(
        None,
        "Forget messages of your account; files that your programs use are refused, and a FORGET cannot be undone.",
        "hatch-aleph message forget ITEM_HASH --reason 'published by mistake'",
    )
)
