"""``hatch-aleph persist`` and ``unpersist``, with the manual's other names for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.item_hash_type import item_hash_argument
from hatch_aleph.cli.program_options import (
    OTHER_PROJECT,
    alias,
    life_options,
    seen_at,
    tell,
)
from hatch_aleph.commands import typed
from hatch_aleph.errors import PlanError
from hatch_aleph.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_aleph.scaffold.pyproject import Edit

_HOW = """

The program is tried here first, and the old one is forgotten only when the new one answers. It must be
updatable. Without ITEM_HASH it is the project's, which need not be, as for a deployment, but whose [tool.aleph]
must say the same, or its next deployment would undo this.
"""


def _command(name: str, text: str, *, persistent: bool) -> click.Command:
    @click.command(name, help=text + _HOW, epilog=f"Example: hatch-aleph {name} ITEM_HASH")
    @with_context("project", "node", "account", "host", "owner", "smoke", "ask", "dry", "yes")
    @item_hash_argument(required=False)
    @click.option("--keep-prev/--no-keep-prev", default=False, help="Keep the program before; it goes on costing.")
    @click.option("--write", is_flag=True, help="In a project: also set it in [tool.aleph], so that it lasts.")
    @OTHER_PROJECT
    @life_options()
    def change(context: Context, *, item_hash: str | None, **options: bool) -> None:
        _change(context, item_hash, persistent=persistent, **options)

    return change


persist = _command(
    "persist",
    "Make a program persistent: it runs always. It gets a new item hash, and is paid by credits.",
    persistent=True,
)
unpersist = _command(
    "unpersist", "Make a persistent program run on demand again. It gets a new item hash.", persistent=False
)
persistent = alias(persist, "persist", "persistent")
unpersistent = alias(unpersist, "unpersist", "unpersistent")


def _change(
    context: Context,
    item_hash: str | None,
    *,
    persistent: bool,
    keep_prev: bool,
    write: bool,
    other_project: bool,
    print_message: bool,
    verbose: bool,
) -> None:
    from hatch_aleph.deploy.state import find_program
    from hatch_aleph.programs.replacement import set_persistent

    edit = program = None
    with context.client() as client:
        session = context.program_session(client, chain=context.chain_for(item_hash))
        if item_hash is None:  # the project says for whom it is, and what a healthy program answers
            session = replace(session, address=context.deployment(client).owner, check=context.health())
            program = find_program(client, context.program(client, None))
            edit = _edit_of_table(context, program.content, persistent=persistent, write=write)
        item_hash = program.item_hash if program else context.program(client, item_hash)
        done = set_persistent(
            session,
            item_hash,
            persistent=persistent,
            keep_prev=keep_prev,
            allow_data_loss=context.yes,
            meant=context.project_at_hand,
            others=other_project,
            declared=program is not None,
        )
        if edit is not None:
            write_atomic(edit.file, edit.content)
            context.output.notice(f"{edit.file}: {', '.join(edit.done)}")
        fields = {
            "item_hash": done.item_hash,
            "previous": done.previous,
            "forgotten": done.forgotten,
            "unchanged": done.unchanged,
            "urls": list(done.urls),
        }
        kind = "persistent" if persistent else "on demand"
        lines = [done.item_hash]
        if verbose and done.unchanged:
            lines = [f"Program {item_hash} is {kind} already; nothing was sent."]
        elif verbose:
            gone = "deleted" if done.forgotten else "kept"
            lines = [f"Program {done.item_hash} is {kind}. It has taken over from {item_hash} ({gone})."]
            lines.append(f"It {seen_at(context)}")
            lines.extend(f"  {url}" for url in done.urls)
        tell(context, client, fields, lines, done.messages if print_message else None)


def _edit_of_table(context: Context, live: Mapping[str, Any], *, persistent: bool, write: bool) -> Edit | None:
    """Return the change of pyproject.toml that lets the next deployment agree; None when it does already.

    Raises:
        PlanError: It does not, and nothing is to be written.
    """
    wanted: dict[str, bool | dict[str, str]] = {}
    if context.settings.persistent is not persistent:
        wanted["persistent"] = persistent
    payment = context.settings.payment
    if payment.type != "credit" and bool(live["on"].get("persistent")) is not persistent:  # the new one is paid so
        wanted["payment"] = {"type": "credit", "chain": payment.chain}
    if not wanted:
        return None
    from hatch_aleph.scaffold.pyproject import open_pyproject, set_key

    edit = open_pyproject(context.project_folder)
    for key, value in wanted.items():
        set_key(edit, key, value, context.profile)
    if not write:
        said = "; ".join(edit.done)
        raise PlanError(
            "[tool.aleph] says otherwise: the next deployment would undo this.",
            where=str(edit.file),
            hint=f"Say {said}, and {typed('deploy')}; or let this command write it: --write",
        )
    return edit
