"""``hatch-aleph show`` and ``open``: one program, whoever published it; its page in a browser."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.item_hash_type import item_hash_argument
from hatch_aleph.cli.output import moment
from hatch_aleph.commands import typed
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_aleph.deploy.state import Program
    from hatch_aleph.programs.live_programs import Part

_SHOWN = 20


@click.command(epilog="Example: hatch-aleph show ITEM_HASH")
@with_context("project", "node", "account", "host", "owner")
@item_hash_argument(required=False)
def show(context: Context, *, item_hash: str | None) -> None:
    """Show a program: when it was created, whose it is, how fresh code, runtime and volumes are, and its history.

    Without ITEM_HASH it is the project's program. The program itself is not asked.
    """
    from hatch_aleph.deploy.custom_domains import names_of
    from hatch_aleph.deploy.state import find_program, program_of
    from hatch_aleph.network.money import cost_text, figure
    from hatch_aleph.network.urls import Hosts
    from hatch_aleph.programs.live_programs import parts_of

    with context.client() as client:
        message = find_program(client, context.program(client, item_hash))
        program = program_of(message)
        parts = parts_of(client, program)
        price = client.prices_of(message.owner, [message.item_hash])[message.item_hash]
        domains = names_of(client, message.owner, [message.item_hash])
        urls = [
            *(f"https://{domain}" for domain in domains),
            *Hosts(client.nodes[0], context.host_url).urls(message.item_hash),
        ]
    cost = cost_text([price])
    name = dict(program.content.get("metadata") or {}).get("name") or "no name"
    lines = [
        f"{name}  {program.item_hash}",
        *(f"  {url}" for url in urls),
        f"  created {moment(program.time)} by {message.sender}"
        + ("" if message.sender == message.owner else f" for {message.owner}"),
        f"  owner {message.owner}, channel {message.channel}, {message.status.value}",
        f"  {'runs always' if program.persistent else 'on demand'}, {cost} beside its files",
        *(_part(each, program) for each in parts),
        *_adapter(program, parts),
        *_history(parts),
    ]
    fields = {
        "item_hash": program.item_hash,
        "name": name,
        "owner": message.owner,
        "sender": message.sender,
        "channel": message.channel,
        "status": message.status.value,
        "created": program.time,
        "urls": urls,
        "per_day": figure(price.per_day),
        "payment_type": price.payment_type,
        "parts": [asdict(each) for each in parts],
        "content": program.content,
    }
    context.output.result(fields, printable("\n".join(lines), keep="\n"))


def _part(part: Part, program: Program) -> str:
    if part.owner is None:
        return f"  {part.role} {part.ref}: gone; hosts cannot start the program"
    fresh = "as published" if part.follows else "never changes"
    if part.since is not None and part.since > program.time:
        fresh = "changed since the program was published"
    later = [each for each in part.contents if part.since is not None and each.time > part.since]
    if not part.follows and later:
        fresh = f"stays behind {len(later)} later contents, which the program does not follow"
    whose = "" if part.owner == program.content.get("address") else f", of {part.owner}"
    return f"  {part.role} {part.ref} of {moment(part.since or 0)}: {fresh}{whose}"


def _adapter(program: Program, parts: Sequence[Part]) -> list[str]:
    """Return whether another tool's code has taken the adapter's place, or may."""
    from hatch_aleph.settings.program_message import adapter_remark, starts_through_adapter

    contents = [each for part in parts if part.role == "code" for each in part.contents if each.time == part.since]
    if starts_through_adapter(program.content) and any(not each.notes for each in contents):
        mend = typed(f"update {program.item_hash} FOLDER")
        return [f"Trouble: its code is another tool's, without the adapter that it starts through: {mend}"]
    remark = adapter_remark(program.content)
    return [f"  {remark}."] if remark else []


def _history(parts: tuple[Part, ...]) -> list[str]:
    """Return the contents that code and volumes have had, the newest first."""
    changes = sorted(
        ((version.time, part.role, version) for part in parts if part.role != "runtime" for version in part.contents),
        key=lambda change: change[0],
        reverse=True,
    )
    lines = [
        f"  {moment(time)}  {role} {version.notes.get('version') or ''} {version.file_hash[:12]}…"
        for time, role, version in changes[:_SHOWN]
    ]
    more = [f"  and {len(changes) - _SHOWN} earlier ones"] if len(changes) > _SHOWN else []
    return ["History:", *lines, *more] if lines else []


@click.command("open", epilog="Example: hatch-aleph open ITEM_HASH")
@with_context("project", "node", "account", "host", "owner")
@item_hash_argument(required=False)
def open_program(context: Context, *, item_hash: str | None) -> None:
    """Open a program's URL in the browser, and print it. Without ITEM_HASH it is the project's program."""
    import webbrowser

    from hatch_aleph.network.urls import Hosts

    with context.client() as client:
        program = context.program(client, item_hash)
        url = Hosts(client.nodes[0], context.host_url).urls(program)[0]
    opened = not context.output.as_json and webbrowser.open(url)
    if not opened and not context.output.as_json:
        context.output.notice("No browser could be started here.")
    context.output.result({"item_hash": program, "url": url}, url)
