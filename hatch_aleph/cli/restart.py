"""``hatch-aleph stop`` and ``restart``: the owner's word to the host that runs a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.item_hash_type import item_hash_argument
from hatch_aleph.cli.program_options import DOMAIN

if TYPE_CHECKING:
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.executions import Execution
    from hatch_aleph.network.urls import Hosts


@click.command(epilog="Example: hatch-aleph stop ITEM_HASH --domain https://crn.example.org")
@with_context("project", "node", "account", "host", "owner", "dry")
@item_hash_argument(required=False)
@DOMAIN
def stop(context: Context, *, item_hash: str | None, domain: str | None) -> None:
    """Stop a program on its host. The next request, or for a persistent program the scheduler, starts it again.

    Without ITEM_HASH it is the project's program.
    """
    with context.client() as client:
        stopped = _stop(context, client, item_hash, domain)
    ran = "is stopped" if stopped.ran else "does not run"
    context.output.result(
        {"item_hash": stopped.item_hash, "host": stopped.host, "ran": stopped.ran},
        f"Program {stopped.item_hash} {ran} on {stopped.host}.",
    )


@click.command(epilog="Example: hatch-aleph restart")
@with_context("project", "node", "account", "host", "owner", "dry")
@item_hash_argument(required=False)
@DOMAIN
def restart(context: Context, *, item_hash: str | None, domain: str | None) -> None:
    """Stop a program on its host, start it again, and wait until it answers.

    A program on demand is started by a request, a persistent one by the scheduler. Without ITEM_HASH it is the
    project's program, and the answer must be as its settings say.
    """
    from hatch_aleph.deploy.health import Health
    from hatch_aleph.deploy.program_log import explain
    from hatch_aleph.errors import HealthError
    from hatch_aleph.settings import HealthCheck

    with context.client() as client:
        stopped = _stop(context, client, item_hash, domain)
        check = context.health() if item_hash is None else HealthCheck()
        try:
            answer = Health().confirm(
                stopped.hosts,
                stopped.item_hash,
                check,
                amended=True,
                persistent=stopped.persistent,
                before=stopped.before,
                observer=context.steps,
            )
        except HealthError as error:
            account = context.account(context.chain_for(item_hash))
            explain(error, stopped.hosts, stopped.item_hash, account, persistent=stopped.persistent)
            error.hint = "It stays published as it is: mend it, and publish it again under the same URL."
            raise
    context.output.result(
        {"item_hash": stopped.item_hash, "host": stopped.host, "url": answer.url, "status": answer.status}, answer.url
    )


@dataclass(frozen=True)
class _Stopped:
    """A program that was stopped: who starts it, where it runs, what the host listed before, whether it ran."""

    item_hash: str
    persistent: bool
    host: str
    hosts: Hosts
    before: Execution | None
    ran: bool


def _stop(context: Context, client: NodeClient, item_hash: str | None, domain: str | None) -> _Stopped:
    from hatch_aleph.deploy.program_log import host_of
    from hatch_aleph.deploy.state import find_program, program_of
    from hatch_aleph.network.hosts import HostClient
    from hatch_aleph.network.urls import Hosts

    account = context.account(context.chain_for(item_hash))
    program = context.program(client, item_hash)
    persistent = program_of(find_program(client, program)).persistent
    hosts = Hosts(client.nodes[0], domain or context.host_url)
    host = host_of(client, program, hosts)
    context.end_dry_run(f"Stop {program} on {host}", item_hash=program, host=host)
    before = (hosts.list_executions(host) or {}).get(program)
    return _Stopped(program, persistent, host, hosts, before, HostClient(host).stop(program, account))
