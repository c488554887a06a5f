"""``hatch-aleph update``: new code in place; other changes by a program that takes over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.item_hash_type import item_hash_argument
from hatch_aleph.cli.program_options import (
    life_options,
    program_fields,
    seen_at,
    table_of,
    tell,
)
from hatch_aleph.cli.value_types import CONTENT
from hatch_aleph.commands import typed
from hatch_aleph.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.programs.replacement import Recreated


@click.command(epilog="Example: hatch-aleph update ITEM_HASH ./my_app")
@with_context("node", "account", "host", "owner", "smoke", "ask", "dry", "yes")
@item_hash_argument()
@click.argument("path", type=CONTENT, required=False)
@program_fields
@click.option("--entrypoint", help="What runs, in the new code.")
@click.option("--replace", is_flag=True, help="Let a new program, with a new item hash and URL, take over.")
@click.option("--keep-prev/--no-keep-prev", default=False, help="Keep a program that another one takes over from.")
@life_options()
def update(context: Context, *, item_hash: str, path: Path | None, **options: Any) -> None:
    """Give a program the code in PATH: item hash and URL stay.

    Any other option changes what the program's message says, which takes a new program: that needs an updatable one and
    --replace, and gives a new item hash and URL; the old program is forgotten once the new one answers. Volumes are
    replaced as a whole.
    """
    from hatch_aleph.cli.program_prompts import ask_for_the_rest
    from hatch_aleph.programs.revision import update as change

    changes = table_of(options)
    context.complete(changes)
    if options["entrypoint"]:
        changes["entrypoint"] = options["entrypoint"]
    ask_for_the_rest(context, changes, lambda _table: None, volumes=False, variables=False, beta=options["beta"])
    if path is None and not set(changes) - {"secrets"}:
        raise UsageError("There is nothing to update", hint=f"Name the new code: {typed('update ITEM_HASH PATH')}")
    with context.client() as client:
        session = context.program_session(client)
        item_hash = context.program(client, item_hash)
        done = change(
            session,
            item_hash,
            path,
            changes,
            replace=options["replace"],
            keep_prev=options["keep_prev"],
            allow_data_loss=context.yes,
            scan=options["secret_scan"],
        )
        fields = {
            "item_hash": done.item_hash,
            "previous": done.previous,
            "code": done.code,
            "unchanged": done.unchanged,
            "urls": list(done.urls),
        }
        lines = _words(done, seen_at(context)) if options["verbose"] else [done.item_hash]
        sent = [*([done.code] if done.code else []), *([done.item_hash] if done.item_hash != item_hash else [])]
        tell(context, client, fields, lines, sent if options["print_message"] else None)


def _words(done: Recreated, seen: str) -> list[str]:
    if done.unchanged:
        return [f"Nothing has changed: program {done.item_hash} has this code already, and nothing was sent."]
    if done.item_hash == done.previous:
        told = f"Program {done.item_hash} has its new code ({done.code}); a running one is stopped and starts with it."
    else:
        gone = "deleted" if done.forgotten else "kept"
        told = f"Program {done.item_hash} has taken over from {done.previous} ({gone})."
    return [told, f"It {seen}", *(f"  {url}" for url in done.urls)]
