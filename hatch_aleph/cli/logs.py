"""``hatch-aleph logs``."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.item_hash_type import item_hash_argument
from hatch_aleph.cli.output import style
from hatch_aleph.cli.program_options import DOMAIN, debug_option
from hatch_aleph.cli.value_types import as_host_url, as_time
from hatch_aleph.errors import NetworkError
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hatch_aleph.deploy.program_log import Start
    from hatch_aleph.network.hosts import LogLine

_POLL_SECONDS = 2.0


@click.command(epilog="Example: hatch-aleph logs ITEM_HASH --domain https://crn.example.org --tail 50")
@with_context("project", "node", "account", "host", "owner")
@item_hash_argument(required=False)
@DOMAIN
@click.option("--all", "everything", is_flag=True, help="Show the whole console: kernel, mounts and init as well.")
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="Show the last N lines alone.")
@click.option("--since", metavar="TIME", type=as_time, help="Show lines from then on: 2026-11-28T10:30 (UTC), or 10m.")
@click.option("--follow", "-f", is_flag=True, help="Go on showing what is printed until Ctrl-C.")
@debug_option
def logs(
    context: Context,
    *,
    item_hash: str | None,
    domain: str | None,
    everything: bool,
    tail: int | None,
    since: str | None,
    follow: bool,
) -> None:
    """Show what a program has printed on one host, start by start. Without ITEM_HASH it is the project's program."""
    from hatch_aleph.cli.program_prompts import may_ask
    from hatch_aleph.cli.questions import ask
    from hatch_aleph.deploy.program_log import read_logs
    from hatch_aleph.errors import UsageError
    from hatch_aleph.network.urls import Hosts

    account = context.account(context.chain_for(item_hash))
    with context.client() as client:
        program = context.program(client, item_hash)
        hosts = Hosts(client.nodes[0], domain or context.host_url)
        try:
            lines = read_logs(client, account, program, hosts)
        except UsageError as error:
            if hosts.named or not may_ask(context):
                raise
            context.output.notice(error.message)
            hosts = Hosts(client.nodes[0], ask(context.output, "URL of the host (--domain)", type=as_host_url))
            lines = read_logs(client, account, program, hosts)
        recent = [line for line in lines if _is_recent(line.time, since)]
        last = recent if tail is None else recent[len(recent) - min(tail, len(recent)) :]
        fields = {"item_hash": program, "lines": [asdict(line) for line in last]}
        context.output.result(
            fields, lambda: "\n".join(_shown(lines, everything=everything, tail=tail, since=since)), fold=False
        )
        if follow:
            context.output.rest()
            _follow(context, lambda: read_logs(client, account, program, hosts), recent, since)


def _shown(lines: Sequence[LogLine], *, everything: bool, tail: int | None, since: str | None) -> list[str]:
    from hatch_aleph.deploy.program_log import lines_without_a_start, starts_in

    starts = [] if everything else starts_in(lines)
    if starts:
        told = [text for start in starts for text in _start(start, since)]
        if count := lines_without_a_start(lines):
            told.append(f"A machine has booted since, {count} lines in which the program has not begun: see --all.")
    else:  # a program without the adapter marks no start
        told = [_line(line) for line in lines if _is_recent(line.time, since)]
    told = told or ["It has printed nothing."]
    return told if tail is None else told[len(told) - min(tail, len(told)) :]


def _start(start: Start, since: str | None) -> list[str]:
    lines = [_line(line) for line in start.lines if _is_recent(line.time, since) and not _is_mark(line)]
    if not lines and not _is_recent(start.time, since):
        return []
    ended = f" failed: {start.failure}" if start.failure else ""
    heading = style(printable(f"--- {start.time} {start.entrypoint}{ended}"), bold=True)
    return [heading, *lines]


def _is_recent(written: str, since: str | None) -> bool:
    """Tell whether a time as hosts write it, in UTC and with a space or a T in it, is not before another."""
    return written.replace(" ", "T") >= (since or "")


def _is_mark(line: LogLine) -> bool:
    """Tell whether a line describes the failure that stands above it; of what looks like one nothing is left out."""
    from hatch_aleph.deploy.program_log import failure_in
    from hatch_aleph.guest.failure import FAILURE_MARK

    return line.text.startswith(FAILURE_MARK) and failure_in([line.text]) is not None


def _line(line: LogLine) -> str:
    return f"{line.time}> {printable(line.text)}"


def _follow(
    context: Context, read: Callable[[], Sequence[LogLine]], shown: Sequence[LogLine], since: str | None
) -> None:
    """Show what is new each time; a host gives the whole log at every request, and one that is away comes back."""
    away = False
    while True:
        time.sleep(_POLL_SECONDS)
        try:
            lines = [line for line in read() if _is_recent(line.time, since)]
        except NetworkError as error:
            if not away:
                context.output.notice(f"{error.message}; waiting for it to come back")
            away = True
            continue
        if away:
            context.output.notice("The host answers again")
            away = False
        # Another machine's log begins anew, and may be the longer one already.
        begins_anew = list(lines[: len(shown)]) != list(shown)
        for line in lines if begins_anew else lines[len(shown) :]:
            if context.output.as_json:
                context.output.event("line", **asdict(line))
            elif not _is_mark(line):
                context.output.say(_line(line), fold=False)
        shown = lines
