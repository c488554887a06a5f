"""``hatch-aleph create`` and ``upload``: a program from a folder, an image or an archive, without a project."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.program_options import (
    CHANNEL,
    alias,
    life_options,
    program_fields,
    seen_at,
    table_of,
    tell,
)
from hatch_aleph.cli.value_types import CHAIN, CONTENT
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.programs.creation import Created
    from hatch_aleph.settings import Settings


@click.command(epilog="Example: hatch-aleph create ./my_app main:app --name my-app --memory 512")
@with_context("node", "account", "host", "owner", "smoke", "ask", "dry", "yes")
@click.argument("path", type=CONTENT)
@click.argument("entrypoint")
@program_fields
@click.option("--skip-volume/--no-skip-volume", default=False, help="Do not ask for volumes.")
@click.option("--skip-env-var/--no-skip-env-var", default=False, help="Do not ask for environment variables.")
@click.option("--adapter/--no-adapter", default=True, help="Pack the entry adapter into a folder's image.")
@click.option("--payment-chain", type=CHAIN, help="Chain of the account and of the payment, by credits. [default: ETH]")
@CHANNEL
@click.option("--print-messages/--no-print-messages", default=False, help="Print both messages.")
@click.option("--print-code-message/--no-print-code-message", default=False, help="Print the code's message.")
@click.option("--print-program-message/--no-print-program-message", default=False, help="Print the program's message.")
@life_options(message=False)
def create(context: Context, *, path: Path, entrypoint: str, **options: Any) -> None:
    """Publish a program: PATH is a folder, a .squashfs image or a .zip archive.

    ENTRYPOINT is module:attribute of a Python app, such as main:app, or else the command of an executable that listens
    on port 8080, such as run.sh.
    """
    from hatch_aleph.network import models

    models.begin()  # beside all the rest
    with context.with_guest_ahead() as prepared:
        _publish(prepared, path, entrypoint, options)


upload = alias(create, "create", "upload")


def _publish(context: Context, path: Path, entrypoint: str, options: dict[str, Any]) -> None:
    from hatch_aleph.cli.program_prompts import may_ask
    from hatch_aleph.network.money import amount, figure
    from hatch_aleph.programs.creation import create as publish

    settings = _settings(context, path, entrypoint, options)
    chain = context.chain or settings.payment.chain
    with context.client() as client:
        session = context.program_session(client, chain=chain)
        if may_ask(context):
            session = replace(session, announce=partial(_ask_at_last, context, settings))
        made = publish(session, path, settings, scan=options["secret_scan"])
        fields = {
            "item_hash": made.item_hash,
            "code": made.code,
            "name": settings.name,
            "urls": list(made.urls),
            "per_day": None if made.per_day is None else figure(made.per_day),
        }
        lines = [made.item_hash]
        if options["verbose"]:
            lines = [f"Program {made.item_hash} ({settings.name}) {seen_at(context)}"]
            lines += [f"  {url}" for url in made.urls]
            cost = "Its cost is unknown" if made.per_day is None else f"It costs {amount(made.per_day, 'credit')} a day"
            lines.append(f"{cost}, its code ({made.code}) included.")
        tell(context, client, fields, lines, _printed(made, options) or None)


def _settings(context: Context, path: Path, entrypoint: str, options: dict[str, Any]) -> Settings:
    from hatch_aleph.cli.program_prompts import ask_for_the_rest
    from hatch_aleph.programs.creation import checked
    from hatch_aleph.settings.entry_points import is_command

    table = table_of(options)
    context.complete(table)
    table.setdefault("name", _name_of(path))
    table |= {
        "entrypoint": entrypoint,
        "interface": "executable" if is_command(entrypoint) else "auto",
        "adapter": options["adapter"],
        "channel": options["channel"],
        "payment": {"type": "credit", "chain": options["payment_chain"] or context.chain or "ETH"},
    }
    if context.address:
        table["address"] = context.address
    ask_for_the_rest(
        context,
        table,
        checked,
        volumes=not options["skip_volume"],
        variables=not options["skip_env_var"],
        beta=options["beta"],
    )
    return checked(table)


def _ask_at_last(context: Context, settings: Settings, what: str) -> None:
    """Show what nobody said as well, then ask whether it is to be published at its price."""
    for line in program_lines(settings):
        context.output.notice(line)
    context.confirm(what)


def program_lines(settings: Settings) -> list[str]:
    """Return what a program is to be, a line each: what was said, and the defaults."""
    vcpus, memory = settings.resources
    mounts = [each.mount for each in settings.volumes.immutable]
    mounts += [each.mount for each in settings.volumes.persistent]  # hosts have no ephemeral ones
    told = {
        "name": settings.name or "",
        "entry point": settings.entrypoint,
        "runtime": settings.runtime,
        "resources": f"{vcpus} vCPU, {memory:,} MiB, {settings.timeout_seconds:g} s a request",
        "runs": "always" if settings.persistent else "on demand",
        "internet": "yes" if settings.internet else "no",
        "volumes": ", ".join(mounts) or "none",
        "variables": ", ".join(sorted(settings.variables)) or "none",
        "subscriptions": str(len(settings.subscriptions) or "none"),
        "updatable": "all of it" if settings.updatable else "its code",
    }
    return [f"  {name:13}  {printable(value)}" for name, value in told.items()]


def _name_of(path: Path) -> str:
    """Return a name for a program that was given none: its folder's or file's."""
    stem = path.resolve().stem
    return re.sub(r"[^\w .-]", "-", stem).lstrip(" .-") or "program"


def _printed(made: Created, options: dict[str, Any]) -> list[str]:
    code = options["print_messages"] or options["print_code_message"]
    program = options["print_messages"] or options["print_program_message"]
    return [*([made.code] if code else []), *([made.item_hash] if program else [])]
