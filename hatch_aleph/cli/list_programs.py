"""``hatch-aleph list``."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.output import age, style
from hatch_aleph.cli.program_options import debug_option
from hatch_aleph.cli.tables import terminal_width
from hatch_aleph.commands import typed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hatch_aleph.cli.liveness import Answer
    from hatch_aleph.deploy.history import Release
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.money import Price
    from hatch_aleph.programs.live_programs import Listed

_SHORT = 12  # digits of an item hash, enough to tell programs apart


@click.command("list", epilog="Example: hatch-aleph list --address 0x1234... --json")
@with_context("node", "account", "host", "owner")
@debug_option
@click.option("--long/--short", default=False, help="Show specifications, configuration and URLs of each.")
@click.option("--check", is_flag=True, help="Ask each program whether it answers; who asks starts those that sleep.")
def list_programs(context: Context, *, long: bool, check: bool) -> None:
    """List the programs of an address, one a line; with --address no key is needed.

    Without --check their state is what the network says of them; nobody asks the programs.
    """
    from hatch_aleph.deploy.payment import was_removed
    from hatch_aleph.programs.live_programs import list_programs as find
    from hatch_aleph.squashfs.pool import in_background

    address = context.owner()
    listed: list[dict[str, Any]] = []
    total = _Total()
    with context.client() as client:
        removed = in_background(lambda: was_removed(client, address))
        for number, batch in enumerate(
            find(client, address, host=context.host_url, urls=long or context.output.as_json)
        ):
            answers, releases = _asked(context, client, address, batch) if check else ({}, {})
            total.add(batch, answers)
            if context.output.as_json:
                for each in batch:
                    answer, release = answers.get(each.message.item_hash), releases.get(each.message.item_hash)
                    listed.append({**each.to_json(), **(answer.to_json() if answer else {})})
                    listed[-1] |= {"release": release.to_json()} if release else {}
            else:
                _show(context, batch, answers, releases, "" if number else f"Programs of {address}", long=long)
                _show_failures(context, batch, answers)
        if removed.result():
            context.output.notice(f"{removed.result()}.")
    told = total.text(address) if total.count else f"{address} has no program."
    context.output.result({"address": address, "programs": listed}, told)


@dataclass
class _Total:
    """What the closing line tells: how many there are, whether all is well, what they cost together."""

    count: int = 0
    unpaid: int = 0
    unwell: int | None = None
    prices: list[Price] = field(default_factory=list)

    def add(self, batch: Sequence[Listed], answers: Mapping[str, Answer]) -> None:
        """Count some programs."""
        self.count += len(batch)
        self.unpaid += sum(each.unpaid for each in batch)
        self.prices += [each.price for each in batch if each.price]
        for answer in answers.values():
            self.unwell = (self.unwell or 0) + (answer.status is None)

    def text(self, address: str) -> str:
        """Return it in one line."""
        from hatch_aleph.network.money import cost_text

        parts = [f"{self.count:,} program{'s' if self.count > 1 else ''} of {address}"]
        parts += [style(f"{self.unpaid:,} without credits", fg="red", bold=True)] if self.unpaid else []
        if self.unwell is not None:
            well, colour = (f"{self.unwell:,} not well", "red") if self.unwell else ("all answer", "green")
            parts.append(style(well, fg=colour, bold=True))
        return ", ".join([*parts, cost_text(self.prices)])


def _asked(
    context: Context, client: NodeClient, owner: str, batch: Sequence[Listed]
) -> tuple[dict[str, Answer], dict[str, Release]]:
    """Ask programs whether they answer; return answers and present releases by item hash."""
    from hatch_aleph.cli.liveness import answers_of
    from hatch_aleph.deploy.state import program_of
    from hatch_aleph.network.urls import Hosts
    from hatch_aleph.programs.live_programs import present_releases

    asked = [program_of(each.message) for each in batch if not each.verifiable]
    context.output.doing(f"Asking {len(asked):,} programs")
    answers = answers_of(Hosts(client.nodes[0], context.host_url), asked)
    return answers, present_releases(client, owner, asked)


def _show(
    context: Context,
    batch: Sequence[Listed],
    answers: Mapping[str, Answer],
    releases: Mapping[str, Release],
    title: str,
    *,
    long: bool,
) -> None:
    if long:
        rows = ((_program(each), _specifications(each), _configuration(each)) for each in batch)
        context.output.table(title, ("Program", "Specifications", "Configuration"), rows)
    else:
        columns = ("name", "item hash", "runs", "age", *(["release"] if releases else []), "cost", "state")
        lines = [_line(each, answers.get(each.message.item_hash), releases) for each in batch]
        context.output.table(title, columns, fitted(lines, columns))


def _show_failures(context: Context, batch: Sequence[Listed], answers: Mapping[str, Answer]) -> None:
    for each in batch:
        item_hash = each.message.item_hash
        answer = answers.get(item_hash)
        if answer is not None and answer.status is None:
            told = answer.failure(typed("logs", item_hash[:_SHORT]))
            context.output.say(f"{style(each.name or item_hash, bold=True)}: {told}")


def fitted(rows: Sequence[tuple[str, ...]], columns: Sequence[str], width: int | None = None) -> list[tuple[str, ...]]:
    """Return rows that take one line each: where the terminal is too narrow, item hashes and long names are cut.

    Twelve digits of an item hash name a program to every command; what is not a terminal gets all of them.

    Args:
        rows: Name and item hash first.
        columns: Headings.
        width: Of the terminal; asked for by default.
    """
    if width is None:
        if not sys.stdout.isatty():
            return list(rows)
        width = terminal_width()
    needed = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    gaps = 2 * len(columns)
    if sum(needed) + gaps <= width:
        return list(rows)
    room = max(8, width - sum(needed[2:]) - _SHORT - 1 - gaps)
    return [
        (name if len(name) <= room else f"{name[: room - 1]}…", f"{item_hash[:_SHORT]}…", *rest)
        for name, item_hash, *rest in rows
    ]


def _line(each: Listed, answer: Answer | None, releases: Mapping[str, Release]) -> tuple[str, ...]:
    now, release = time.time(), releases.get(each.message.item_hash)
    return (
        each.name or "-",
        each.message.item_hash,
        _runs(each, "always"),
        age(now - each.message.content_time),
        *([f"{release.number}, {age(now - release.time)}" if release else "-"] if releases else []),
        each.cost_text,
        _state(each, answer),
    )


def _runs(each: Listed, always: str) -> str:
    persistent = (each.message.content.get("on") or {}).get("persistent")
    return "verifiable" if each.verifiable else always if persistent else "on demand"


def _state(each: Listed, answer: Answer | None) -> str:
    """Return the state as it was seen: the network's word, or the program's own where it was asked."""
    if answer is not None:
        return answer.short
    if each.unpaid:
        return "unpaid"
    if each.superseded_by:
        return "superseded"
    status = each.message.status.value
    return "live" if status == "processed" else status


def _program(each: Listed) -> str:
    message = each.message
    created = datetime.fromtimestamp(message.content_time, timezone.utc)
    lines = [each.name or "-", message.item_hash, f"created {created:%Y-%m-%d %H:%M} UTC", f"cost {each.cost_text}"]
    if message.status.value != "processed":
        lines.append(f"{message.status.value}: top up, and it comes back")
    if each.superseded_by:
        lines.append(f"superseded by {each.superseded_by}")
    return "\n".join([*lines, *each.urls, ""])


def _specifications(each: Listed) -> str:
    content: dict[str, Any] = each.message.content
    resources = content.get("resources") or {}
    internet = (content.get("environment") or {}).get("internet")
    lines = [
        _runs(each, "persistent"),
        f"{resources.get('vcpus')} vCPU, {resources.get('memory')} MiB",
        f"{resources.get('seconds')} s a request",
        "internet" if internet else "no internet",
        "updatable" if content.get("allow_amend") else "fixed" if each.verifiable else "code updatable",
    ]
    return "\n".join(lines)


def _configuration(each: Listed) -> str:
    content: dict[str, Any] = each.message.content
    code, runtime = content.get("code") or {}, content.get("runtime") or {}
    if each.verifiable:
        volumes = [content.get("workload") or {}, *(content.get("volumes") or ())]
        return "\n".join([f"runtime {runtime.get('ref')}", *(f"verified {volume.get('ref')}" for volume in volumes)])
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
