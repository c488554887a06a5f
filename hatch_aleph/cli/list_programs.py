"""``hatch-aleph list``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.program_options import debug_option
from hatch_aleph.network.money import amount

if TYPE_CHECKING:
    from hatch_aleph.programs.live_programs import Listed


@click.command("list", epilog="Example: hatch-aleph list --address 0x1234... --json")
@with_context("node", "account", "owner")
@debug_option
@click.option("--long/--short", default=False, help="Show specifications, configuration and URLs of each.")
def list_programs(context: Context, *, long: bool) -> None:
    """List the programs of an address, one a line; with --address no key is needed."""
    from hatch_aleph.deploy.payment import was_removed
    from hatch_aleph.programs.live_programs import list_programs as find

    address = context.address or context.account().address
    with context.client() as client:
        programs = find(client, address)
        removed = was_removed(client, address)
    if removed:
        context.output.notice(f"{removed}.")
    if not programs:
        context.output.result({"address": address, "programs": []}, f"{address} has no program.")
        return
    title = f"{len(programs)} program{'s' if len(programs) > 1 else ''} of {address}"
    if long:
        rows = ((_program(each), _specifications(each), _configuration(each)) for each in programs)
        context.output.table(title, ("Program", "Specifications", "Configuration"), rows)
    else:
        context.output.table(title, ("name", "item hash", "runs", "cost", "state"), map(_line, programs))
    context.output.result({"address": address, "programs": [each.to_json() for each in programs]})


def _line(each: Listed) -> tuple[str, ...]:
    persistent = (each.message.content.get("on") or {}).get("persistent")
    state = "superseded" if each.superseded_by else each.message.status.value
    return (
        each.name or "-",
        each.message.item_hash,
        "always" if persistent else "on demand",
        _cost(each),
        "" if state == "processed" else state,
    )


def _program(each: Listed) -> str:
    message = each.message
    created = datetime.fromtimestamp(message.content_time, timezone.utc)
    lines = [each.name or "-", message.item_hash, f"created {created:%Y-%m-%d %H:%M} UTC", f"cost {_cost(each)}"]
    if message.status.value != "processed":
        lines.append(f"{message.status.value}: top up, and it comes back")
    if each.superseded_by:
        lines.append(f"superseded by {each.superseded_by}")
    return "\n".join([*lines, *each.urls, ""])


def _cost(each: Listed) -> str:
    if each.price is None:
        return "unknown"
    if each.price.payment_type == "hold":
        return f"{amount(each.price.held, 'hold')} held"
    return f"{amount(each.price.per_day, each.price.payment_type)} a day"


def _specifications(each: Listed) -> str:
    content: dict[str, Any] = each.message.content
    resources = content.get("resources") or {}
    internet = (content.get("environment") or {}).get("internet")
    lines = [
        "persistent" if (content.get("on") or {}).get("persistent") else "on demand",
        f"{resources.get('vcpus')} vCPU, {resources.get('memory')} MiB",
        f"{resources.get('seconds')} s a request",
        "internet" if internet else "no internet",
        "updatable" if content.get("allow_amend") else "code updatable",
    ]
    return "\n".join(lines)


def _configuration(each: Listed) -> str:
    content: dict[str, Any] = each.message.content
    code, runtime = content.get("code") or {}, content.get("runtime") or {}
    lines = [
        f"runtime {runtime.get('ref')}",
        f"code {code.get('ref')}",
        f"entrypoint {code.get('entrypoint')}",
        *(_volume(volume) for volume in content.get("volumes") or ()),
    ]
    variables = sorted(content.get("variables") or {})
    if variables:
        lines.append(f"variables {', '.join(variables)}")
    return "\n".join(lines)


def _volume(volume: dict[str, Any]) -> str:
    if volume.get("ref"):
        return f"{volume.get('mount')}: {volume['ref']}"
    kind = "ephemeral" if volume.get("ephemeral") else "persistent"
    return f"{volume.get('mount')}: {kind}, {volume.get('size_mib')} MiB"
